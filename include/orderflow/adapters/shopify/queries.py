"""The questions put to Shopify's Admin API, 2026-07. Every field here is one that `mapping` reads.

Nested connections come with a small first page each (`$lines`, `$parts`), because a query is paid for by what it might
bring; `source` follows the few that are longer.
"""

_MONEY = "{ shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } }"
_TAX = f"{{ title rate channelLiable priceSet {_MONEY} }}"
_ALLOCATION = f"{{ allocatedAmountSet {_MONEY} discountApplication {{ __typename index }} }}"
_ADDRESS = "{ name company address1 address2 city province provinceCode zip country countryCodeV2 phone }"
_PAGE_INFO = "pageInfo { hasNextPage endCursor }"

CONNECTIONS = {
    "lineItems": f"""
        id sku title variantTitle name quantity currentQuantity refundableQuantity unfulfilledQuantity requiresShipping
        isGiftCard product {{ id }} variant {{ id }}
        originalUnitPriceSet {_MONEY} originalTotalSet {_MONEY}
        discountAllocations {_ALLOCATION} taxLines {_TAX}""",
    "shippingLines": f"""
        id title code originalPriceSet {_MONEY} discountedPriceSet {_MONEY}
        discountAllocations {_ALLOCATION} taxLines {_TAX}""",
    "discountApplications": """
        __typename index allocationMethod targetType targetSelection
        value { __typename ... on PricingPercentageValue { percentage } ... on MoneyV2 { amount currencyCode } }
        ... on DiscountCodeApplication { code }
        ... on AutomaticDiscountApplication { title }
        ... on ManualDiscountApplication { title }
        ... on ScriptDiscountApplication { title }""",
    "fulfillmentLineItems": "quantity lineItem { id }",
    "refundLineItems": f"quantity restockType lineItem {{ id }} subtotalSet {_MONEY} totalTaxSet {_MONEY}",
    "refundShippingLines": f"subtotalAmountSet {_MONEY} taxAmountSet {_MONEY}",
}
"""What is read of each node of a nested connection."""


def _connection(name: str, size: str) -> str:
    return f"{name}(first: {size}) {{ nodes {{ {CONNECTIONS[name]} }} {_PAGE_INFO} }}"


LISTS = {
    "transactions": f"id kind status gateway processedAt amountSet {_MONEY}",
    "refunds": f"""
        id createdAt note totalRefundedSet {_MONEY}
        {_connection("refundLineItems", "$lines")} {_connection("refundShippingLines", "$parts")}""",
    "fulfillments": f"""
        id status displayStatus createdAt deliveredAt trackingInfo(first: 10) {{ company number }}
        {_connection("fulfillmentLineItems", "$lines")}""",
}
"""What is read of each entry of a plain list, which has a length but no pages."""

_OWN = f"""
    id legacyResourceId name createdAt processedAt updatedAt cancelledAt cancelReason closedAt test edited
    currencyCode presentmentCurrencyCode taxesIncluded dutiesIncluded
    displayFinancialStatus displayFulfillmentStatus returnStatus
    email phone customerLocale note tags sourceName discountCodes confirmationNumber poNumber
    subtotalPriceSet {_MONEY} totalDiscountsSet {_MONEY} totalShippingPriceSet {_MONEY} totalTaxSet {_MONEY}
    totalPriceSet {_MONEY} totalReceivedSet {_MONEY} totalRefundedSet {_MONEY} totalOutstandingSet {_MONEY}
    totalTipReceivedSet {_MONEY} totalCashRoundingAdjustment {{ paymentSet {_MONEY} }} originalTotalDutiesSet {_MONEY}
    currentTotalPriceSet {_MONEY} currentTotalTaxSet {_MONEY} currentTotalDiscountsSet {_MONEY}
    currentTotalDutiesSet {_MONEY}
    additionalFees {{ id name price {_MONEY} taxLines {_TAX} }} taxLines {_TAX} currentTaxLines {_TAX}
    customer {{ id displayName }} shippingAddress {_ADDRESS} billingAddress {_ADDRESS}"""

ORDER = f"""{_OWN}
    {_connection("lineItems", "$lines")}
    {_connection("shippingLines", "$parts")}
    {_connection("discountApplications", "$parts")}
    {" ".join(f"{name}(first: $parts) {{ {fields} }}" for name, fields in LISTS.items())}"""

ORDERS = f"""query Orders(
  $query: String!, $first: Int!, $after: String, $lines: Int!, $parts: Int!, $counting: Boolean!
) {{
  ordersCount(query: $query, limit: null) @include(if: $counting) {{ count precision }}
  orders(query: $query, sortKey: UPDATED_AT, reverse: false, first: $first, after: $after) {{
    edges {{ cursor node {{ {ORDER} }} }} {_PAGE_INFO}
  }}
}}"""

BY_ID = f"""query OrdersById($ids: [ID!]!, $lines: Int!, $parts: Int!) {{
  nodes(ids: $ids) {{ ... on Order {{ {ORDER} }} }}
}}"""

COUNT = """query OrdersCount($query: String!) { ordersCount(query: $query, limit: null) { count precision } }"""

STUBS = f"""query OrderStubs($query: String!, $first: Int!, $after: String) {{
  orders(query: $query, sortKey: CREATED_AT, reverse: false, first: $first, after: $after) {{
    edges {{ cursor node {{
      id updatedAt cancelledAt closedAt edited displayFulfillmentStatus presentmentCurrencyCode
      totalPriceSet {_MONEY} totalRefundedSet {_MONEY} totalCashRoundingAdjustment {{ paymentSet {_MONEY} }}
    }} }} {_PAGE_INFO}
  }}
}}"""

SCOPES = "query Scopes { currentAppInstallation { accessScopes { handle } } }"

BULK_CONNECTIONS = ("lineItems", "shippingLines", "discountApplications")
"""What a bulk operation can bring of an order: Shopify runs none with a connection inside of a list."""


def bulk(search: str) -> str:
    """The query of a bulk operation over all orders that the search finds; of refunds and parcels only a first id."""
    connections = " ".join(f"{name} {{ edges {{ node {{ {CONNECTIONS[name]} }} }} }}" for name in BULK_CONNECTIONS)
    return (
        f'{{ orders(query: "{search}") {{ edges {{ node {{ {_OWN} {connections} '
        f"transactions {{ {LISTS['transactions']} }} refunds(first: 1) {{ id }} fulfillments(first: 1) {{ id }} "
        "} } } }"
    )


_OPERATION = "id status errorCode objectCount url"
BULK_RUN = f"""mutation BulkRun($query: String!) {{
  bulkOperationRunQuery(query: $query, groupObjects: false) {{
    bulkOperation {{ {_OPERATION} }} userErrors {{ code field message }}
  }}
}}"""
BULK_ONE = f"query BulkOne($id: ID!) {{ bulkOperation(id: $id) {{ {_OPERATION} }} }}"
BULK_RECENT = f"""query BulkRecent {{
  bulkOperations(first: 20, query: "operation_type:query", sortKey: CREATED_AT, reverse: true) {{
    nodes {{ query {_OPERATION} }}
  }}
}}"""

SENDABLE = """query Sendable($id: ID!) { order(id: $id) {
  fulfillments(first: 250) {
    id status trackingInfo(first: 10) { number }
    fulfillmentLineItems(first: 250) { nodes { quantity lineItem { id } } }
  }
  fulfillmentOrders(first: 50) { nodes {
    id status supportedActions { action } assignedLocation { location { id } }
    lineItems(first: 250) { nodes { id remainingQuantity lineItem { id } } }
  } }
} }"""

FULFIL = """mutation Fulfil($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) { fulfillment { id } userErrors { field message } }
}"""

_OWNERS = {
    "lineItems": "Order",
    "shippingLines": "Order",
    "discountApplications": "Order",
    "fulfillmentLineItems": "Fulfillment",
    "refundLineItems": "Refund",
    "refundShippingLines": "Refund",
}


def more(connection: str) -> str:
    """The query for a later page of a nested connection; its variables are `id`, `first` and `after`."""
    return (
        f"query More($id: ID!, $first: Int!, $after: String) {{ node(id: $id) {{ ... on {_OWNERS[connection]} {{ "
        f"{connection}(first: $first, after: $after) {{ nodes {{ {CONNECTIONS[connection]} }} {_PAGE_INFO} }} }} }} }}"
    )


def whole(name: str) -> str:
    """The query for a plain list from its beginning; its variables are `id`, `first`, and those in `sizes(name)`."""
    variables = "".join(f", ${size}: Int!" for size in sizes(name))
    return (
        f"query Whole($id: ID!, $first: Int!{variables}) {{ node(id: $id) {{ ... on Order {{ "
        f"{name}(first: $first) {{ {LISTS[name]} }} }} }} }}"
    )


def sizes(name: str) -> list[str]:
    """The size variables that a plain list's entries mention; GraphQL refuses a variable that nothing uses."""
    return [size for size in ("lines", "parts") if f"${size}" in LISTS[name]]
