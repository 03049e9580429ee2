"""A trade as Taobao and Tmall show it, after the sample that the adapter's README names."""

from decimal import Decimal

import msgspec

from orderflow.adapters.taobao_tmall import ADAPTER, Options

TRADE = """{"tid":4203417012345678901,"tid_str":"4203417012345678901","status":"WAIT_SELLER_SEND_GOODS","type":"fixed",
"seller_nick":"測試旗艦店","buyer_nick":"小**","buyer_open_uid":"AAEdemo","created":"2026-03-09 09:18:40",
"pay_time":"2026-03-09 09:20:59","modified":"2026-03-09 09:21:07","total_fee":"317.90","discount_fee":"24.90",
"post_fee":"6.00","payment":"289.00","received_payment":"0.00","platform_subsidy_fee":"0.00",
"buyer_message":"請用厚一點的箱子📦 謝謝🙏","seller_memo":"VIP 客人","seller_flag":1,"receiver_name":"王**",
"receiver_mobile":"*******1234","receiver_state":"浙江省","receiver_city":"杭州市","receiver_district":"餘杭區",
"receiver_town":"五常街道","receiver_address":"文一西路***","receiver_zip":"000000","oaid":"demoOAID~~abc",
"orders":{"order":[
{"oid":4203417012345678902,"oid_str":"4203417012345678902","num_iid":610000000001,"sku_id":"4900000000001",
"outer_sku_id":"TEE-BLK-L","title":"純棉 T 恤 🐼 黑","sku_properties_name":"顏色:黑;尺碼:L","price":"129.00","num":2,
"adjust_fee":"0.00","discount_fee":"10.00","total_fee":"248.00","payment":"248.00","part_mjz_discount":"20.00",
"divide_order_fee":"228.00","status":"WAIT_SELLER_SEND_GOODS","refund_status":"NO_REFUND"},
{"oid":4203417012345678903,"num_iid":610000000002,"sku_id":"4900000000002","outer_sku_id":"SOCK-3P",
"title":"襪子三雙裝","price":"59.90","num":1,"adjust_fee":"0.00","discount_fee":"0.00","total_fee":"59.90",
"payment":"59.90","part_mjz_discount":"4.90","divide_order_fee":"55.00","status":"WAIT_SELLER_SEND_GOODS",
"refund_status":"NO_REFUND"}]},
"promotion_details":{"promotion_detail":[
{"id":4203417012345678901,"promotion_name":"店鋪滿300減24.9","discount_fee":"24.90","promotion_id":"shopbonus-demo_1"},
{"id":4203417012345678902,"promotion_name":"限時打折","discount_fee":"10.00","promotion_id":"limit-demo_2"}]}}"""


def sample():
    return msgspec.json.Decoder(float_hook=str).decode(TRADE)


def mapped(trade):
    return ADAPTER.to_order({"list": {"tid": trade["tid"]}, "detail": trade}, Options())


def orders_of(trade):
    return trade["orders"]["order"]


def line_residues(order):
    return [
        Decimal(line.quantity) * Decimal(line.unit_price) - Decimal(line.discount) - Decimal(line.total)
        for line in order.lines
    ]
