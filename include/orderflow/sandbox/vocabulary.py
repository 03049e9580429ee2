"""What simulated shops sell, and to whom: products, people and places in many scripts. Nobody here is real.

Phone patterns give numbers that are possible in their country; e-mail addresses end in `.test` and `.example`, which
nobody can own (RFC 2606). Tax rates are the countries' usual ones, in thousandths of a percent. `#` in a pattern is a
digit, `@` a capital letter.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple


class Product(NamedTuple):
    """A sellable thing; `cents` is its price in euro cents, before it is turned into the shop's currency."""

    sku: str
    title: str
    variant: str
    product_id: int
    variant_id: int
    gtin: str
    cents: int


class Country(NamedTuple):
    code: str
    name: str
    currency: str
    locale: str
    tax_title: str
    tax_rate: int
    """Thousandths of a percent: 25 % is 25000."""
    phone: str
    postcode: str
    people: tuple[tuple[str, str], ...]
    """Given name and family name."""
    streets: tuple[str, ...]
    cities: tuple[tuple[str, str], ...]
    """City and region code."""


_TITLES = (
    ("TORCH-01", "Crème-brûlée torch", "Röd", 2450), ("KNIFE-02", "菜刀 chef knife", "", 8000),
    ("TEA-100", "凍頂烏龍茶 150g", "春茶", 1890), ("TEA-101", "抹茶 Uji matcha", "30 g", 2199),
    ("MUG-BLK", "Mug “Ærø”", "svart / 30 cl", 1250), ("MUG-WHT", "Mug “Ærø”", "hvit / 30 cl", 1250),
    ("SHIRT-S", "Tee – naïve façade", "S", 1999), ("SHIRT-M", "Tee – naïve façade", "M", 1999),
    ("SHIRT-XL", "Tee – naïve façade", "XL", 2199), ("OUD-12", "عطر العود الملكي", "12 مل", 14900),
    ("BOOK-HE", "ספר בישול ירושלמי", "", 3350), ("KIMONO-3", "浴衣セット 花火🎆", "M", 11900),
    ("RAMEN-6", "札幌味噌ラーメン 6食", "", 1480), ("SOAP-OL", "Savon à l’huile d’olive", "lavande", 590),
    ("CABLE-2M", "USB-C cable 2 m", "", 899), ("CABLE-½M", "USB-C cable ½ m", "", 699),
    ("PIEROGI", "Pierogi mould „Babcia”", "", 1120), ("FETA-JAR", "Βάζο για φέτα", "μπλε", 1640),
    ("SARI-05", "बनारसी साड़ी", "लाल", 9900), ("SILK-TH", "ผ้าไหมไทย", "ทอง", 7450),
    ("KIMCHI-1", "배추김치 1kg", "", 1390), ("BOLSA-01", "Bolsa de praia São João", "", 2790),
    ("LAMP-A+", "Desk lamp A+ 💡", "E27", 4590), ("BIKE-BELL", "Fahrradklingel „Größe L“", "Messing", 1599),
    ("VINYL-33", "LP “Ночной поезд”", "", 2350), ("STICKER", "Sticker pack 👩‍🚀🏳️‍🌈", "", 199),
    ("CANDLE", "Candle no. 5 & 6", "fir", 1799), ("GIFT-BAG", "Gift bag <large>", "", 350),
    ("PEN-0.5", "ゲルインキボールペン 0.5", "黒", 210), ("WATCH-X", "Chronograph X", "steel", 259000),
)  # fmt: skip


def _gtin(number: int) -> str:
    """A GTIN-13 with its check digit."""
    body = f"735000{number:06d}"
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body))
    return f"{body}{-weighted % 10}"


PRODUCTS = tuple(
    Product(sku, title, variant, 900_000 + n, 9_000_000 + 10 * n + bool(variant), _gtin(n), cents)
    for n, (sku, title, variant, cents) in enumerate(_TITLES)
)
_GIFTS = (("FREE-TOTE", "Tote bag (gift) 🎁"), ("FREE-SAMPLE", "試供品 sample"), ("CARD", "Thank-you card"))
GIFTS = tuple(Product(sku, title, "", 990_000 + n, 9_900_000 + n, "", 0) for n, (sku, title) in enumerate(_GIFTS))

COUNTRIES = (
    Country("SE", "Sweden", "SEK", "sv", "Moms", 25000, "+4670#######", "2## ##",
            (("Zoë", "Łukasiewicz-Nuñez"), ("Åsa", "Öberg"), ("Göran", "Ek")), ("Götgatan # B", "Kungsgatan ##"),
            (("Malmö", ""), ("Umeå", ""))),
    Country("DE", "Germany", "EUR", "de", "MwSt.", 19000, "+49151########", "1####",
            (("Jürgen", "Groß"), ("Anneliese", "von der Tann"), ("Çağla", "Yıldız")),
            ("Lange Straße ##", "Am Weißen Stein #"),
            (("Köln", ""), ("München", ""))),
    Country("FR", "France", "EUR", "fr", "TVA", 20000, "+33612######", "75###",
            (("Maëlys", "D’Aubigné"), ("Loïc", "Nguyễn")), ("## rue de l’Église", "# bis, quai d’Orléans"),
            (("Paris", ""), ("Saint-Étienne", ""))),
    Country("GB", "United Kingdom", "GBP", "en-GB", "VAT", 20000, "+447400######", "SW# #@@",
            (("Siân", "O’Hara"), ("Ngozi", "Adébáyò")), ("Flat #, ## High St", "## Llanfairpwll Rd"),
            (("London", "ENG"), ("Caerdydd", "WLS"))),
    Country("US", "United States", "USD", "en-US", "NY State Tax", 8875, "+1212555####", "100##",
            (("María José", "Peña"), ("D'Shawn", "Smith-Jones")), ("### Broadway Apt #", "## W 4th St"),
            (("New York", "NY"), ("Brooklyn", "NY"))),
    Country("JP", "Japan", "JPY", "ja", "消費税", 10000, "+81901#######", "1##-00##",
            (("花子", "山田"), ("太郎", "髙橋")), ("神南#丁目##-#", "道玄坂#-##"),
            (("渋谷区", "JP-13"), ("横浜市", "JP-14"))),
    Country("TW", "Taiwan", "TWD", "zh-TW", "營業稅", 5000, "+8869########", "1##",
            (("怡君", "陳"), ("𠮷明", "林")), ("忠孝東路四段##號#樓", "中正路###巷#弄##號"),
            (("台北市", ""), ("高雄市", ""))),
    Country("CN", "China", "CNY", "zh-CN", "增值税", 13000, "+86138########", "31####",
            (("伟", "王"), ("欣怡", "欧阳")), ("文一西路###号", "南京东路##弄#号###室"),
            (("杭州市", "浙江省"), ("上海市", "上海"))),
    Country("KR", "South Korea", "KRW", "ko", "부가세", 10000, "+82102#######", "0####",
            (("민준", "김"), ("서연", "이")), ("세종대로 ###", "테헤란로 ##길 #"),
            (("서울특별시", "KR-11"), ("부산광역시", "KR-26"))),
    Country("IL", "Israel", "ILS", "he", "מע״מ", 18000, "+972502######", "6######",
            (("נועה", "לוי"), ("אברהם", "בן־דוד")), ("רחוב דיזנגוף ##", "שדרות רוטשילד ##"),
            (("תל אביב", ""), ("ירושלים", ""))),
    Country("AE", "United Arab Emirates", "AED", "ar", "ضريبة القيمة المضافة", 5000, "+97150#######", "",
            (("فاطمة", "الزهراء"), ("محمد", "آل مكتوم")), ("شارع الشيخ زايد ##", "برج ##"),
            (("دبي", "DU"), ("أبوظبي", "AZ"))),
    Country("KW", "Kuwait", "KWD", "ar", "VAT", 0, "+965500#####", "1####",
            (("نورة", "الصباح"), ("يوسف", "العلي")), ("شارع الخليج ##",), (("الكويت", "KW-KU"),)),
    Country("PL", "Poland", "PLN", "pl", "VAT", 23000, "+48501######", "0#-###",
            (("Żaneta", "Wiśniewska"), ("Łukasz", "Gżegżółka")), ("ul. Świętokrzyska ##/#",),
            (("Łódź", ""), ("Kraków", ""))),
    Country("BR", "Brazil", "BRL", "pt-BR", "ICMS", 18000, "+55119########", "01###-0##",
            (("João", "Conceição"), ("Antônia", "Gonçalves")), ("Rua da Consolação, ###",), (("São Paulo", "SP"),)),
    Country("IN", "India", "INR", "hi", "GST", 18000, "+9198########", "1100##",
            (("प्रिया", "शर्मा"), ("விஜய்", "குமார்")), ("## महात्मा गांधी मार्ग",), (("नई दिल्ली", "DL"),)),
    Country("TH", "Thailand", "THB", "th", "ภาษีมูลค่าเพิ่ม", 7000, "+6681#######", "10###",
            (("สมชาย", "ใจดี"), ("อรุณี", "ศรีสุข")), ("## ถนนสุขุมวิท ซอย ##",), (("กรุงเทพมหานคร", "TH-10"),)),
)  # fmt: skip

BY_CURRENCY = {
    country.currency: tuple(each for each in COUNTRIES if each.currency == country.currency) for country in COUNTRIES
}

# Units of each currency for one euro, rounded; a simulated bank needs no more.
RATES = {
    "EUR": Fraction(1), "SEK": Fraction("11.48"), "GBP": Fraction("0.86"), "USD": Fraction("1.09"),
    "JPY": Fraction("163.7"), "TWD": Fraction("35.1"), "KRW": Fraction("1478"), "ILS": Fraction("4.02"),
    "AED": Fraction("4.01"), "KWD": Fraction("0.336"), "PLN": Fraction("4.31"), "BRL": Fraction("5.6"),
    "INR": Fraction("91.2"), "THB": Fraction("38.4"), "CNY": Fraction("7.85"),
}  # fmt: skip

LONG_NOTE = "long " + "很長的備註 " * 400
CARRIERS = ("PostNord", "DHL", "La Poste – Colissimo", "ヤマト運輸", "黑貓宅急便", "UPS")
METHODS = (("standard", "Standard"), ("express", "Express 🚀"), ("pickup", "Ombud / 自取"))
CODES = ("WELCOME10", "SOMMAR-20", "雙11", "صيف", "VIP&CO")
GATEWAYS = (("card", "Kort"), ("paypal", "PayPal"), ("klarna", "Klarna"), ("line_pay", "LINE Pay"))
TAGS = ("vip", "wholesale", "網紅", "repeat", "fragile ⚠️")
CANCEL_REASONS = ("customer", "fraud", "inventory", "declined", "other")
REFUND_REASONS = ("Trasig vid leverans", "尺寸不合", "مقاس غير مناسب", "changed mind", "")
NOTES = (
    "", "", "", "Ring på dörren – tack!", "請放管理室，謝謝 🙏", "اترك الطلب عند الباب", "נא להשאיר ליד הדלת",
    '=HYPERLINK("http://x.test")', "Robert'); DROP TABLE orders;--", "line one\nline two\ttabbed", "é (NFD) 👨‍👩‍👧‍👦",
    "  spaces before and after  ", "\u200bzero\u200bwidth", "\"quoted\", 'single', <b>bold</b> & ampersand\\",
)  # fmt: skip
