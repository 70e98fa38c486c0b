"""What attackers and broken programs type. Families with examples, and variations of them up to a given number."""

import itertools

#: A word by which a page tells whether something that was typed became a part of it.
MARK = "zqx"

_SQL = [
    "' OR 1=1--",
    '" OR ""="',
    "'; DROP TABLE participant;--",
    "1; SELECT pg_sleep(9)--",
    "' UNION SELECT password_hash FROM user_account--",
    "%' ESCAPE '!",
    "x') OR ('1'='1",
    "\\'; --",
    "$$; DELETE FROM audit_event; $$",
    ":name %(name)s ? %s {0}",
    "1 AND (SELECT 1 FROM pg_sleep(5))",
    "'||(SELECT sqlite_version())||'",
    "%%_%",
]
_HTML = [
    "<script>zqx()</script>",
    '"><img src=x onerror=zqx()>',
    "'><svg/onload=zqx()>",
    "</textarea><script>zqx()</script>",
    "</title><zqx>",
    "<zqx onclick=zqx()>",
    '" autofocus onfocus=zqx() x="',
    "javascript:zqx()",
    "<a href=javascript:zqx()>x</a>",
    "<!--<zqx>-->",
    "&lt;zqx&gt; &#60;zqx&#62;",
    "<![CDATA[<zqx>]]>",
    "<style>@import 'zqx'</style>",
    "<iframe srcdoc='<zqx>'></iframe>",
    "\"'><zqx x=`",
    "<form action=//zqx><input>",
    "<base href=//zqx/>",
    "</option></select><zqx>",
]
_TEMPLATE = [
    "{{913*917}}",
    "${913*917}",
    "{% print(913*917) %}",
    "#{913*917}",
    "{{config}}",
    "{{''.__class__.__mro__}}",
    "%(zqx)s",
    "{zqx.__init__.__globals__}",
    "<%= 913*917 %>",
    "$(913*917)",
]
_HEADER = [
    "x\r\nX-Zqx: 1",
    "x\nSet-Cookie: zqx=1",
    "x\r\n\r\n<zqx>",
    "x%0d%0aX-Zqx:%201",
    "\u560a\u560dX-Zqx: 1",
    "x\u2028X-Zqx: 1",
]
_PATH = [
    "../../../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "/etc/passwd\0.csv",
    "file:../../secret_key",
    "....//....//etc/passwd",
    "%2e%2e%2f%2e%2e%2fsecret_key",
    "con",
    "~root",
    "|cat /etc/passwd",
    "`id`",
    "$(id)",
    "//zqx.example/x",
    "http://169.254.169.254/",
]
_CODES = [
    "\0",
    "a\0b",
    "\x1b[31mzqx",
    "\x08\x7f",
    "\ud800",
    "\udfff\ud800",
    "a\ufffeb\uffff",
    "\u202ezqx\u202c",
    "\u2066zqx\u2069",
    "\u200bzqx\u200d",
    "\u0410-01",
    "\uff11\uff12",
    "\u0661\u0662",
    "e\u0301\u0301\u0301",
    "\U0001f468\u200d\U0001f469",
    "Z\u0351\u036b\u0343" * 20,
    "\ufeffzqx",
    "\u3000",
    " ",
    "\t\r\n",
    "\u00a0",
    "\xad",
    "İıſK",
]
_HUGE = [
    "x" * 256,
    "x" * 1001,
    "x" * 20_000,
    "<" * 5_000,
    "é" * 4_000,
    "\n" * 3_000,
    "1" * 400,
    "a b " * 4_000,
]
_FORMULA = [
    "=cmd|' /C calc'!A0",
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    '=HYPERLINK("http://zqx","x")',
    "＝1+1",
    "=IMPORTXML(1)",
]
_NUMBERS = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "-1e400",
    "1e-400",
    "-0",
    "1_000",
    "1,5",
    "1.5.5",
    "0x10",
    "9" * 20,
    str(2**31),
    str(2**63),
    str(-(2**63) - 1),
    "1e5",
    "٣",
    "1 000",
    "½",
    "--1",
    "+1",
    "1.",
    ".",
    "e",
    "101",
    "-1",
    "100000",
    "true",
    "None",
    "null",
    "[]",
    "{}",
]
_DATES = [
    "20240101",
    "2025-02-29",
    "0000-00-00",
    "0001-01-01",
    "9999-12-31",
    "10000-01-01",
    "2024-13-01",
    "t-3",
    "t+99999999999",
    "t-99999999",
    "31/02/2024",
    "12mar26",
    "2024-01-01T00:00:00Z",
    "-2024-01-01",
    "2024-1-1",
    "٢٠٢٤-٠١-٠١",
    "1/1/1",
    "now",
    "2024-W01-1",
]
_PEOPLE = [
    "Mme Durand",
    "1 85 05 78 006 084 91",
    "06 12 34 56 78",
    "né le 03/04/1956",
    "MR. JOHN SMITH",
    "JD-001",
]

FAMILIES = {
    "SQL": _SQL,
    "HTML": _HTML,
    "template": _TEMPLATE,
    "header": _HEADER,
    "path": _PATH,
    "codes": _CODES,
    "huge": _HUGE,
    "formula": _FORMULA,
    "numbers": _NUMBERS,
    "dates": _DATES,
    "people": _PEOPLE,
}

_VARIATIONS = [
    lambda text: text,
    lambda text: f"{text} ",
    lambda text: text.upper(),
    lambda text: f"A{text}",
    lambda text: f"{text}{text}",
    lambda text: text[::-1],
    lambda text: f"é{text}ß",
]


def payloads(count: int) -> list[str]:
    """So many different texts: every family's examples first, then their variations."""
    every = [
        text for texts in itertools.zip_longest(*FAMILIES.values()) for text in texts if text is not None
    ]
    varied = dict.fromkeys(vary(text) for vary in _VARIATIONS for text in every)
    return list(itertools.islice(varied, count))
