"""Rules on money: the equation of the order, of its lines and charges, discounts, tax, payments and refunds.

Each holds in the order's currency and, where the channel tells those amounts, in the shop's. The tolerance of the
channel file is the largest residue that a channel's own rounding explains.
"""

from orderflow.quality.rules.rule import refuse, warn

RULES = (
    refuse(
        "GRAND_TOTAL_MISMATCH",
        "finance",
        "lines, charges, tax, discounts and rounding do not add up to the grand total; the value is what is left over",
        "look which amount the mapping misses; set validate.tolerance only for rounding that the platform documents",
        tolerance=True,
    ),
    refuse(
        "GRAND_TOTAL_NEGATIVE",
        "finance",
        "the grand total is negative",
        "map money given back to refunds",
    ),
    refuse(
        "GRAND_TOTAL_TOO_FINE",
        "finance",
        "a sum of money to be paid has more decimals than its currency",
        "look whether the mapping reads the wrong currency, or minor units as whole ones",
    ),
    refuse(
        "LINE_TOTAL_MISSING",
        "platform developer",
        "a line has no total",
        "map the total that the platform states; where it states none, quantity x unit price - discount",
    ),
    refuse(
        "LINE_TOTAL_NEGATIVE",
        "finance",
        "a line's total is negative",
        "map reductions to discounts, and money given back to refunds",
    ),
    warn(
        "LINE_TOTAL_TOO_FINE",
        "finance",
        "a line's total has more decimals than its currency",
        "map the total as the buyer saw it",
    ),
    refuse(
        "LINE_EQUATION",
        "finance",
        "quantity x unit price - discount is not the line's total, beyond what rounding of the unit price explains; "
        "the value is what is left over",
        "look whether the unit price is before or after tax and discount",
        tolerance=True,
    ),
    refuse(
        "UNIT_PRICE_NEGATIVE",
        "finance",
        "a unit price is negative",
        "map reductions to discounts",
    ),
    refuse(
        "CHARGE_TOTAL_MISSING",
        "platform developer",
        "a charge has no total",
        "map the total that the platform states; where it states none, amount - discount",
    ),
    refuse(
        "CHARGE_EQUATION",
        "finance",
        "amount - discount is not the charge's total; the value is what is left over",
        "look whether the amount is before or after tax and discount",
        tolerance=True,
    ),
    warn(
        "CHARGE_NEGATIVE",
        "finance",
        "a charge's amount is negative",
        "map reductions to discounts",
    ),
    refuse(
        "DISCOUNT_NEGATIVE",
        "finance",
        "a discount is negative, which would make the order dearer",
        "map discounts as positive amounts",
    ),
    refuse(
        "DISCOUNT_OVERALLOCATED",
        "finance",
        "more of a discount stands in lines and charges than it is worth; the value is the excess",
        "look whether the mapping counts a discount of one line twice",
    ),
    warn(
        "DISCOUNT_UNALLOCATED",
        "finance",
        "a part of a discount could not be shared over the lines; the value is that part",
        "map which lines it belongs to",
    ),
    warn(
        "ITEMS_TOTAL_MISMATCH",
        "finance",
        "items_total lies neither at the lines' totals nor at their totals before discount",
        "look which amounts the platform counts in it",
        tolerance=True,
    ),
    warn(
        "CHARGES_TOTAL_MISMATCH",
        "finance",
        "charge_total lies neither at the charges' totals nor at their amounts before discount",
        "look which amounts the platform counts in it",
        tolerance=True,
    ),
    warn(
        "DISCOUNT_TOTAL_MISMATCH",
        "finance",
        "discount_total is neither the sum of the discounts nor that of the lines' and charges' discounts",
        "look which amounts the platform counts in it",
        tolerance=True,
    ),
    warn(
        "TAX_TOTAL_MISMATCH",
        "finance",
        "tax_total is neither the sum of the order's taxes nor that of the lines' and charges' tax",
        "look which amounts the platform counts in it; some put all tax on the first line",
        tolerance=True,
    ),
    refuse(
        "TAX_NEGATIVE",
        "finance",
        "a tax is negative, which would book it the wrong way",
        "map tax given back to refunds",
    ),
    warn(
        "TAX_RATE_IMPLAUSIBLE",
        "finance",
        "a tax rate is negative or above 1",
        "map the rate as a fraction: 0.25 is 25 percent",
    ),
    warn(
        "ROUNDING_LARGE",
        "finance",
        "the rounding is more than a hundredth of the grand total",
        "look whether the mapping explains a missing amount with it",
    ),
    warn(
        "FREE_WITHOUT_DISCOUNT",
        "channel team",
        "an order of products costs nothing, and no discount explains it",
        "look at the prices on the channel",
    ),
    warn(
        "SHOP_AMOUNTS_INCOMPLETE",
        "finance",
        "some lines or charges have a total in the shop's currency and others, or the order itself, do not",
        "map all amounts of the second currency set or none",
    ),
    refuse(
        "SETS_DIFFER",
        "finance",
        "both currency sets are in the same currency and their grand totals differ; the value is the difference",
        "look which of the two the mapping reads from the wrong field",
    ),
    refuse(
        "PAYMENT_NEGATIVE",
        "finance",
        "a payment is negative",
        "map money given back to refunds",
    ),
    refuse(
        "PAYMENT_ID_DUPLICATE",
        "finance",
        "two payments of the order have the same id and kind, so that money would be booked twice",
        "map each movement once",
    ),
    warn(
        "PAYMENTS_MISMATCH",
        "finance",
        "the successful payments do not add up to what is paid; the value is the difference",
        "look whether the platform lists all payments",
        tolerance=True,
    ),
    warn(
        "PAID_TOO_LITTLE",
        "finance",
        "the order is said to be paid, but less than the grand total is",
        "look at the payments on the channel before it ships",
        tolerance=True,
    ),
    warn(
        "PAID_TOO_MUCH",
        "finance",
        "more is paid than the grand total and what was given back",
        "look at the payments on the channel: the buyer may be owed money",
        tolerance=True,
    ),
    warn(
        "PAID_BUT_UNPAID",
        "finance",
        "money was paid, but the order is said to be unpaid",
        "look at the payments on the channel",
    ),
    refuse(
        "REFUND_NEGATIVE",
        "finance",
        "a refund is negative, which would book it the wrong way",
        "map refunds as positive amounts",
    ),
    refuse(
        "REFUND_ID_DUPLICATE",
        "finance",
        "two refunds of the order have the same id, so that money would be given back twice",
        "map each refund once",
    ),
    refuse(
        "REFUNDED_TOO_MUCH",
        "finance",
        "more is given back than was paid; the value is the excess",
        "look at the refunds on the channel; correct the mapping if it counts one twice",
        tolerance=True,
    ),
    warn(
        "REFUNDS_MISMATCH",
        "finance",
        "the refunds do not add up to what is refunded; the value is the difference",
        "look whether the platform lists all refunds",
        tolerance=True,
    ),
)
