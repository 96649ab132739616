"""Patterns for text in pictures, in English and Chinese: for each label what hints at it, and how strongly (0-1).

They are tried on lower-case text after NFKC. Words about a thing and words that sell it are kept apart where they can
be: `poker` alone says little, `poker` with `bet now` says much. Numbers were set by eye on the samples and on menus,
posters, manuals and street signs; they are no statistics.
"""

import re
from collections.abc import Mapping
from typing import Final

Pattern = tuple[re.Pattern[str], float]


def _patterns(strengths: Mapping[str, float]) -> tuple[Pattern, ...]:
    r"""The expressions, compiled; `\b` in them is ours: no letter or digit of the Latin alphabet beside it."""
    edge = r"(?:(?<![a-z0-9])(?=[a-z0-9])|(?<=[a-z0-9])(?![a-z0-9]))"
    return tuple((re.compile(expression.replace(r"\b", edge)), strength) for expression, strength in strengths.items())


PATTERNS: Final[Mapping[str, tuple[Pattern, ...]]] = {
    "pt_toDirectContact_tii": _patterns(
        {
            # Numbers and addresses.
            r"\+\d{1,3}[ .()-]{0,2}\d(?:[ .()-]{0,2}\d){6,12}(?!\d)": 0.75,
            r"(?<!\d)\(?[2-9]\d\d\)?[ .-]\d{3}[ .-]\d{4}(?!\d)": 0.65,
            r"(?<!\d)1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)": 0.85,
            r"[\w.+-]{1,64}@[\w-]{1,63}\.[a-z]{2,}": 0.75,
            r"\b(?:wa|t|line|m)\.me/|discord\.gg/": 0.95,
            r"(?<![\w.])@[a-z][a-z0-9_.]{3,}(?![\w.]*@)": 0.4,
            # Ways to talk elsewhere. Alone they may be a logo or a help page.
            r"\b(?:whatsapp|whats app|telegram|wechat|weixin|viber|skype|kakaotalk|snapchat)\b": 0.5,
            r"\b(?:call|text|dm|message|add|contact|ring)(?: or (?:text|call|whatsapp))? (?:me|us|now|today)\b": 0.45,
            r"\b(?:call|tel|phone|mobile|hotline)\b.{0,20}\d{3}": 0.5,
            r"\b(?:vx|wx|v信|qq|tg)\b ?(?:id|号)?[::]? ?[a-z0-9_-]{5,}": 0.85,
            r"[加十+] ?(?:我|个)? ?(?:微信|微|薇信|薇|威信|扣扣|v信|vx|wx|v|qq)(?![a-z])": 0.85,
            r"(?:微信|薇信|威信|微信号|扣扣) ?(?:号|id)?[::]? ?[a-z0-9_-]{5,}": 0.85,
            r"(?:微信|薇信|電報|电报群|扣扣群|qq群|私聊|私信我)": 0.5,
            r"(?:电话|電話|手机|手機|热线|熱線|联系方式|聯繫方式)[::]? ?\d{3}": 0.6,
            r"(?:联系我|聯繫我|咨询电话|扫码添加|扫码加|掃碼加)": 0.5,
        }
    ),
    "profanity_offensive_tii": _patterns(
        {
            r"f+[u*@#v]+c?[c*#k]+k(?:s|er|ers|ing|in|ed|face|head)?(?![a-z])": 0.9,
            r"\bmother ?f[\w*@#]{2,8}": 0.95,
            r"\b(?:a[s$5]{2}|arse) ?hole[s5]?\b": 0.9,
            r"\b(?:stupid|fat|ugly|little|son of a|you) b[i1!*]tch": 0.95,
            r"\bb[i1!*]tch(?:es|y)?\b": 0.75,
            r"\bc[u*]nts?\b": 0.95,
            r"\b(?:dick ?heads?|cock ?suckers?|wankers?|twats?|douchebags?)\b": 0.9,
            r"\b(?:whores?|sluts?|bastards?)\b": 0.75,
            r"\b(?:nigg(?:er|a)s?|fagg?ots?|retards?)\b": 0.9,
            r"\bpiece of sh[i1!*]t\b": 0.9,
            r"傻[逼屄比Xx叉]|煞笔|沙雕逼|s[b8](?![a-z0-9])你": 0.9,
            r"[操肏艹草日干幹]你[妈媽娘吗全祖]|草泥马|尼玛的|你妈逼|妳媽逼": 0.95,
            r"婊子|贱人|賤人|贱货|狗娘养|狗日的|王八蛋|龟儿子|杂种|雜種|畜生": 0.85,
            r"去死吧|死全家|脑残|腦殘|滚蛋|滾蛋": 0.7,
        }
    ),
    "profanity_oral_tii": _patterns(
        {
            r"\b(?:bull)?sh[i1!*]t(?:s|ty|head)?\b": 0.8,
            r"\b(?:god ?)?damn(?:it|ed)?\b": 0.65,
            r"\b(?:wtf|stfu|crappy|piss(?:ed)? off|bollocks|jackass|dumb ?ass)\b": 0.75,
            r"\bwhat the (?:f[\w*@#]{2,6}|hell)\b": 0.8,
            r"\b(?:go to hell|screw you|kiss my ass)\b": 0.8,
            r"他[妈媽]的|特么的|tmd(?![a-z])": 0.85,
            r"卧槽|我靠|我[操艹]|牛[逼屄]|装[逼屄]|裝[逼屄]|你大爷|放屁|屁话": 0.75,
        }
    ),
    "contraband_gamble_tii": _patterns(
        {
            r"\bcasinos?\b": 0.7,
            r"\b(?:online|live|crypto|best|vip) ?casinos?\b": 0.75,
            r"\b(?:place (?:your|a) )?bets? (?:now|here|online|today)\b": 0.8,
            r"\b(?:betting|sports ?book|bookmakers?|bookies?)\b": 0.7,
            r"\b(?:free|no deposit|deposit|welcome) (?:spins?|bonus(?:es)?|bets?)\b": 0.5,
            r"\b(?:roulette|baccarat|blackjack|slot machines?)\b": 0.5,
            r"\bpoker\b": 0.4,
            r"\bslots\b": 0.35,
            r"\bjackpots?\b": 0.45,
            r"\bgambl(?:e|ing|er)\b": 0.5,
            r"\b(?:lottery|lotto)\b": 0.3,
            r"博彩|赌场|賭場|赌博|賭博|赌球|赌钱|賭錢|网赌": 0.8,
            r"百家乐|百家樂|老虎机|老虎機|六合彩|时时彩|時時彩|北京赛车|捕鱼达人|龙虎斗|龍虎鬥|炸金花|轮盘": 0.85,
            r"澳门.{0,6}(?:娱乐|赌|葡京|金沙)|葡京娱乐|真人荷官|性感荷官|线上娱乐城": 0.9,
            r"下注|投注|返水|首存|彩金|赔率|賠率|盘口": 0.65,
            r"棋牌|彩票|德州扑克|斗牛|麻将馆": 0.4,
        }
    ),
    "contraband_drug_tii": _patterns(
        {
            r"\b(?:cocaine|heroin|crystal meth|methamphetamines?|fentanyl|mdma|ketamine)\b": 0.8,
            r"\b(?:ecstasy|molly|xanax|oxy(?:codone|contin)?|percocet|adderall) (?:pills?|tabs?|bars?|for sale)\b": 0.8,
            r"\b(?:cannabis|marijuana|thc|magic mushrooms?|shrooms|lsd)\b": 0.5,
            r"\b(?:buy|order|sell|selling|get) (?:\w{1,12} ){0,2}(?:weed|coke|meth|drugs|pills|acid|hash)\b": 0.8,
            r"\b(?:weed|coke|meth|hash|drugs) (?:4|for) sale\b": 0.85,
            r"\b(?:discreet|stealth|overnight) (?:shipping|delivery|packag\w{1,5})\b": 0.4,
            r"冰毒|海洛因|可卡因|摇头丸|搖頭丸|k粉|麻古|芬太尼|氯胺酮|笑气|笑氣": 0.8,
            r"大麻|罂粟|鸦片|叶子飞行": 0.6,
            r"迷药|迷藥|催情|听话水|聽話水|乖乖水|失忆水": 0.85,
            r"(?:出售|代购|现货|批发|货到付款|安全送货).{0,6}(?:毒|药|藥|叶子|肉)": 0.5,
        }
    ),
}
