"""What TOP is asked to send: it leaves out whatever is not named."""

from __future__ import annotations

LIST_FIELDS = "tid,status,type,payment,created,modified,consign_time"
ADDRESS = (
    "receiver_name,receiver_mobile,receiver_phone,receiver_country,receiver_state,receiver_city,receiver_district,"
    "receiver_town,receiver_address,receiver_zip,oaid"
)
"""Without name, mobile, phone, address and `created` TOP makes no `oaid`."""
DETAIL_FIELDS = (
    "tid,tid_str,status,type,created,modified,pay_time,consign_time,end_time,payment,total_fee,discount_fee,adjust_fee,"
    "post_fee,cod_fee,buyer_cod_fee,cod_status,order_tax_fee,platform_subsidy_fee,received_payment,coupon_fee,"
    "tmall_coupon_fee,alipay_no,alipay_point,yfx_fee,step_trade_status,step_paid_fee,shipping_type,delivery_time,es_date,"
    "top_hold,team_buy_hold,share_group_hold,ofp_hold,mark_desc,lm,seller_nick,buyer_nick,buyer_open_uid,buyer_message,"
    f"seller_memo,seller_flag,{ADDRESS},orders,promotion_details,service_orders"
)
