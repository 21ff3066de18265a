"""What mail servers say, and the Cause each saying means: tables, for no two servers agree.

Add a line where a server is not understood; what is said of several languages stands side by side.
All patterns meet text in lower case, its addresses, links and host names taken out.
"""

import re

from webapp.mail.causes import Cause

# RFC 3463 and IANA's registry of enhanced codes, without their first digit
BY_STATUS: dict[str, Cause] = {
    "1.1": Cause.MAILBOX_MISSING,
    "1.2": Cause.DOMAIN_MISSING,
    "1.3": Cause.MAILBOX_MISSING,
    "1.6": Cause.MAILBOX_MISSING,
    "1.7": Cause.BLOCKED_REPUTATION,  # bad address of the sender
    "1.8": Cause.BLOCKED_REPUTATION,
    "1.10": Cause.MAILBOX_MISSING,  # RFC 7505: takes no mail; Exchange Online: not found
    "2.1": Cause.MAILBOX_DISABLED,
    "2.2": Cause.MAILBOX_FULL,
    "2.3": Cause.TOO_LARGE,
    "3.1": Cause.UNREACHABLE,  # the server's disk, not the mailbox
    "3.2": Cause.UNREACHABLE,
    "3.4": Cause.TOO_LARGE,
    "4.1": Cause.UNREACHABLE,
    "4.2": Cause.UNREACHABLE,
    "4.3": Cause.UNREACHABLE,
    "4.4": Cause.DOMAIN_MISSING,
    "4.5": Cause.TOO_FAST,
    "4.6": Cause.UNREACHABLE,  # a loop
    "4.7": Cause.GAVE_UP,
    "4.14": Cause.UNREACHABLE,
    "4.310": Cause.DOMAIN_MISSING,  # Exchange Online: the name server says so
    "4.312": Cause.UNREACHABLE,
    "4.316": Cause.GAVE_UP,
    "6.0": Cause.BLOCKED_CONTENT,
    "6.1": Cause.BLOCKED_CONTENT,
    "7.0": Cause.BLOCKED_REPUTATION,
    "7.1": Cause.BLOCKED_REPUTATION,
    "7.7": Cause.BLOCKED_CONTENT,
    "7.8": Cause.OUR_SERVER,  # RFC 4954: our sign-in
    "7.13": Cause.MAILBOX_DISABLED,
    "7.20": Cause.AUTH_POLICY,
    "7.21": Cause.AUTH_POLICY,
    "7.22": Cause.AUTH_POLICY,
    "7.23": Cause.AUTH_POLICY,
    "7.24": Cause.AUTH_POLICY,
    "7.25": Cause.AUTH_POLICY,
    "7.26": Cause.AUTH_POLICY,
    "7.27": Cause.AUTH_POLICY,
    "7.29": Cause.AUTH_POLICY,
    "7.30": Cause.AUTH_POLICY,
    # Exchange Online's own
    "7.57": Cause.OUR_SERVER,  # not signed in
    "7.60": Cause.OUR_SERVER,  # not the owner of the sender's address
    "7.124": Cause.MAILBOX_DISABLED,  # takes mail from those it lists only
    "7.133": Cause.MAILBOX_DISABLED,
    "7.134": Cause.MAILBOX_DISABLED,
    "7.136": Cause.MAILBOX_DISABLED,
    "7.509": Cause.AUTH_POLICY,
    "7.515": Cause.AUTH_POLICY,
}
# by the middle number alone, where nothing else is known
BY_SUBJECT: dict[str, Cause] = {
    "4": Cause.UNREACHABLE,
    "6": Cause.BLOCKED_CONTENT,
    "7": Cause.BLOCKED_REPUTATION,
}

# Sayings that outweigh a number: many servers say 5.1.1 or 5.7.1 to everything. First match wins.
LOUD: list[tuple[Cause, tuple[str, ...]]] = [
    (Cause.GREYLISTED, (r"gr[ae]y-? ?list|address verification in progress",)),
    (
        Cause.UNREACHABLE,
        (
            r"not found,? ?\(?try again|temporary (lookup|name|dns)|name server: host name lookup",
            r"could ?n(o|')t (create|open|write)|can( ?no|')t (create|open) |procmail|mailer error",
            r"maintenance\b|(database|directory|ldap)( \w+){0,2} (fail|error|un-?avail"
            r"|not avail|down|time)|server( is)? (un-?available|down)\b"
            r"|tls (is )?not available|write error",
            r"insufficient (system|server) (storage|resource)",
            r"(internal|system|i/o|input/output|configuration|local|server) (\w+ )?error",
        ),
    ),
    (
        Cause.AUTH_POLICY,
        (
            r"\b(spf|dkim|dmarc|domainkeys)\b",
            r"sender ?id\b|sender policy framework|spoof|required authentication level",
            r"unauthenticated (e?-?mail|message)|over a tls connection",
            r"\brdns\b|(reverse|ptr|forward)[ -]?(dns|record|lookup)",
            r"reverse (mapping|hostname|address)|no ptr\b|\bptr\b.{0,40}(not|missing|record)",
            r"cannot find your (reverse )?hostname|ip name (lookup|possibly forged)|mauvais ptr",
            r"from: header.{0,60}(not compliant|rfc 5322)",
        ),
    ),
    (
        Cause.BLOCKED_CONTENT,
        (
            r"(looks|appears|seems|classified|considered|detected|identified|rejected|tagged|marked"
            r"|suspected|likely|flagged)( \w+){0,5} (spam(?!haus|cop)|junk"
            r"|(?<!rate of )unsolicited|bulk|virus|phish)",
            r"(is|as|contains|(?<!block )for|be|like|probable|high|possible|low|no) (an? )?"
            r"(spam|junk|virus)\b",
            r"\bspam\b.{0,30}(detect|reject|content|message|refus|score|scale|filter|found"
            r"|likely)",
            r"message (content|body|text)?.{0,20}(rejected|refused|denied|blocked).{0,40}content",
            r"content.{0,40}(reject|refus|denied|not (accept|allow)|block|filter|policy|violat)",
            r"(virus|malware|worm|trojan|phish\w*)\b.{0,60}(found|detect|infect|reject|block)",
            r"(infected|contains? (a )?(virus|malware)|blocked attachment|banned (file|content))",
            r"(attachment|file type|executable).{0,40}(not (allowed|permitted|accepted)|blocked)",
            r"headers? too (large|big|long)|(missing|malformed).{0,30} header",
            r"スパム|迷惑メール|ウイルス|垃圾邮件",
            r"(?<!rate of )unsolicited (mail|bulk|e-?mail)"
            r"|(probability|likelihood|chance) of (being )?spam",
            r"\b(surbl|uribl)\b|\bdt:spm\b",  # the last is NetEase's
        ),
    ),
    (
        Cause.BLOCKED_REPUTATION,
        (
            r"(block|black|deny|drop|real-?time)[ -]?(hole )?(list|lst)|\b(rbl|dnsbl|rblsmtpd)s?\b",
            r"spamhaus|spamcop|barracuda ?central|sorbs|senderbase|cloudmark|(ip"
            r"|sender) reputation",
            r"reputation|poor score|blocked (using|by|due|for|because)|bl\b.{0,10}blocked",
            r"\b(client|host|ip|network|address|you)\b.{0,50} "
            r"(is|are|was|been|has been) (temporarily )?(blocked|banned|listed|rejected|denied)",
            r"(client|your) (host|ip|server|address).{0,30}(rejected|refused|blocked|denied)",
            r"invalid ip for sending|not (allowed|authorized|permitted) to (connect|send)",
            r"(use|through) the smtp server of your isp|dynamic (ip|address)|dial-?up",
            r"(access|connection|message|mail|e-?mail|delivery)( is| was| has been)? "
            r"(denied|refused|rejected|blocked|not accepted)( by| for| due| because).{0,30}polic",
            r"polic(y|ies) (reason|violation|rejection|restrict)|violat\w+ .{0,30}polic",
            r"(bad|invalid) (\w+ ){0,3}(helo|ehlo)|helo.{0,40}(reject|invalid|unknown)|harvest"
            r"|my name was rejected",
            r"may not have permission|permission to (post|send)|not (a )?member of|closed list",
            r"acc[eè]s refus|zugriff verweigert|拒否|拒绝",
            r"\b(messages?|mails?) from .{0,60}were ?n[o']t sent",  # Outlook
            r"\((rtr|rly|con|dns|hvu|cr):\w+\)|\brly:\w+",  # AOL
            r"\b(mi|dt|rp):(spb|spf|rbl)\b",  # NetEase
            r"a problem occurred\W+ask your postmaster",  # T-Online
            r"from your (network|ip|server|host|provider)( \S+){0,3} (refused|rejected|blocked)",
            r"(block|blocked) for spam|bounce attack",  # Comcast, QQ
        ),
    ),
    (
        Cause.TOO_FAST,
        (
            r"too (many|fast|much) (messages|mails?|e-?mails?|connections|recipients|errors"
            r"|requests|concurrent|sessions|invalid|unknown|bad)",
            r"rate[ -]?limit|slow(ing)? down|throttl|(connection|message|sending) rate",
            r"reach(ed)? (your|the|its) (daily|hourly|sending)",
            r"(daily|hourly|sending|message) (message )?(limit|quota).{0,30}(exceed|reach)",
            r"receiving (mail|messages?) (at a rate|too quickly)|unusual rate|frequency limited"
            r"|(thread|connections?) limit exceeded",
            r"\b(mi|rp):(dmc|cel|ccl|sfq|qrc|trc|drc)\b|sen[dt] too many|trop de (connexions"
            r"|messages|destinataires)",
            r"sending (too fast|too quickly)|\(dyn:\w+\)",
            r"deferred due to (unexpected|high|excessive)",
        ),
    ),
    (
        Cause.OUR_SERVER,
        (
            r"relay(ing)? (access )?(denied|not|prohibited|mail)|not permitted to relay"
            r"|relay not permitted|unable to relay|we do not relay|not a (gateway|open relay)",
            r"permissions to (send|submit)|sender('s)? account",
            r"authentication (is )?required|authenticate first|must authenticate",
            r"sender (address |e-?mail )?(is |was )?(rejected|denied|not (allowed|verified|owned))",
            r"(domain|identity|address) (is )?not (verified|owned)|sender verif\w+ failed",
            r"^\W*(\d{3}[ -])?verification failed for",
            r"(sender('s)?|from|return[ -]?path) (address|mailbox|domain|e-?mail)( is| was)? "
            r"(unknown|invalid|(does )?not (found|exist|known|valid))",
            r"(invalid|bad|unknown|unresolvable|verify) (sender|return|from|envelope) "
            r"|domain of sender|sender('s)? domain|purported responsible",
        ),
    ),
    (
        Cause.MAILBOX_FULL,
        (
            r"over[ -]?(the )?(storage |disk )?(quota|limit)|quota (is |was |has been )?"
            r"(exceed|violat|exhaust|reach|full|limit)|exceed\w*.{0,50}(quota|storage|space)",
            r"disk ?(space )?quota|out of (his|her|disk|storage|mail)? ?(quota|space|storage)",
            r"(mail ?box|mail ?folder|mail ?drop|inbox|account|folder|user|recipient|storage)"
            r"('s)?( \w+){0,4} (is |are |was |too |currently |over |has )*(full\b|exceeded"
            r"|overload)",
            r"mailbox (size |storage )?(limit|capacity)|number of messages.{0,60}mail ?box"
            r"|(full|over-?full) (mail ?box|inbox)",
            r"(insufficient|not enough|no) (disk |mail )?(storage|space)",
            r"too much mail|exhausted .{0,30}(storage|space)|storage (limit|allocation)"
            r"|boite.{0,30}pleine|bo[iî]te.{0,40}(pleine"
            r"|satur)",
            r"postfach.{0,30}(voll|überfüllt)|speicherplatz|kontingent",
            r"(buz[oó]n|casilla|bandeja).{0,30}llen[oa]|cuota|caixa.{0,30}(cheia|lotada)",
            r"casella.{0,30}piena|(postvak|postbus|mailbox).{0,20}\bvol\b|(brevlåda|inkorg|inbox)\w*.{0,20}\bfull|postkasse.{0,20}fuld|postilaatikko.{0,20}täynnä",
            r"schránka.{0,20}pln|skrzynka.{0,30}(pełn|przepełn)|postafiók.{0,20}(megtelt|betelt|tele)",
            r"kutusu.{0,20}dolu|cutia.{0,30}plin|переповнен|γεμάτο|переполнен|ящик.{0,30}заполнен|превышен.{0,30}(квот|объ|лимит)",
            r"容量|一杯|いっぱい|満杯|オーバー|(邮箱|信箱|空间).{0,8}满|가득|초과",
        ),
    ),
    (
        Cause.TOO_LARGE,
        (
            r"(message|mail|e-?mail|attachment|file|data|size|body|content)s?( \w+){0,4} (is "
            r"|was )?"
            r"(too|exceeds?|exceeded|over|larger|bigger|big|large) ?.{0,30}(large|big|long|size"
            r"|limit|maximum|than|max)",
            r"size limit|exceeds.{0,40}size|maximum (message |mail )?size|too (large|big)\b",
            r"size of.{0,40}(exceed|limit)|zu gro(ß|ss)|trop (grand|volumineux|gros)"
            r"|demasiado grande",
            r"サイズ|大きすぎ|过大|太大",
        ),
    ),
    (
        Cause.MAILBOX_DISABLED,
        (
            r"(account|mail ?box|user|recipient|address|customer|login|alias)\S*( \S+){0,4} "
            r"(is |has been |was |been |currently |temporarily )*"
            r"(disabled|suspended|inactive|locked|de-?activated|closed|expired|unpaid|frozen"
            r"|dormant|archived)",
            r"(disabled|inactive|suspended|deactivated|expired|dormant|archived) "
            r"(recipient|user|mail ?box|account|customer|address)",
            r"not (been )?(active|activated|collected|enabled)\b|has not logged|not been used",
            r"not (currently )?accepting (messages|mail|e-?mail)"
            r"|not (found )?(in|on) .{0,25}(allow|white) ?list|from unknown senders"
            r"|only accepts? (messages|mail|e-?mail)|no longer accept|over-?due",
            r"delivery restriction|or access denied|gesperrt|deaktiviert"
            r"|désactivé|suspendu|suspendid|desactivad|заблокирован|отключ",
            r"停用|冻结|利用停止|休止",
        ),
    ),
]
# Sayings that speak where the number is silent, or agree with it.
PLAIN: list[tuple[Cause, tuple[str, ...]]] = [
    (
        Cause.GAVE_UP,
        (
            r"(delivery |retry )?time ?(out)? (has )?(been )?(expired|exceeded)|message expired",
            r"(too long|expired) in (the |our )?queue|queue(d)? too long|too old|retry timeout",
            r"failing for a long time|(could|was|has|have) not( been)? (be )?(delivered|collected)"
            r"( \w+){0,3} (within|after|for|in) .{0,20}(\d+|minutes|hours|days|week)",
            r"(aborted|gave up|given up|expired) after|no longer be retried|maximum (retries"
            r"|attempts"
            r"|number of (retries|attempts))|(retry|delivery) (period|limit|attempts)",
            r"we have been trying|期限|一定(期間|時間)",
        ),
    ),
    (
        Cause.UNREACHABLE,
        (
            r"temporar(y|ily) (system )?(lookup|local|dns|name|failure|error|problem)",
            r"(connection|network|session|conversation|i/o|socket|operation)( \w+){0,3} "
            r"(time|refused|reset|lost|dropped|closed|failed|error|unreachable|abort|terminat"
            r"|broken)",
            r"tim(ed?|ing)[ -]?out|no route to host|(host|server|network|system)( \S+){0,3} "
            r"(is )?(unreachable|down|not reachable|not responding|unavailable|busy|no answer)",
            r"(un|not )able to (contact|connect|reach|open)|(could|can)( ?not|n't) (contact|connect"
            r"|reach|establish|open)|lost connection|name server:? (timeout|time out)",
            r"(too many|exceeded|maximum).{0,12}hops?|hop count|loop(s|ing|ed)?\b|loops back",
            r"(service|resource)s? (is |are )?(currently |temporarily )?(not |un)available",
            r"host name lookup failure",
            r"接続(でき|に失敗)|タイムアウト|verbindung.{0,40}(fehlgeschlagen|nicht)|连接",
        ),
    ),
    (
        Cause.DOMAIN_MISSING,
        (
            r"(host|domain|site)( or domain)?( names?)?( for)?( \S+){0,2} (is |was )?"
            r"(unknown\b(?! (user|rec|mail|addr|acc))|not found|not known|(does|do"
            r"|did) ?n[o']t exist"
            r"|not exist|invalid|non-?existent)",
            r"(unknown|invalid|no such|bad|illegal|non-?existent|undefined|unrecogni[sz]ed)"
            r"( mail| recipient| destination)? (host|domain|system)",
            r"(no|any|without|null|missing)( \w+)? ?(mx|mail exchanger)|mx (record|lookup)"
            r"( \w+){0,4} (not|fail|found|exist)|nullmx|no host (named|found|by)",
            r"nxdomain|unrouteable mail domain|no route to (domain|domino)"
            r"|no (a|dns|valid|usable) (record|information|entry|entries|data)|no data known",
            r"dns (lookup )?(error|failure|resolution).{0,50}(exist|found|nx)",
            r"all relevant mx records point to"
            r"|(domain|host|system|destination)( \S+){0,3} does ?n[o']t (accept|receive) (any )?"
            r"e?-?mail\b",
            r"domain.{0,20}(inconnu|introuvable)|ドメイン.{0,10}(存在|見つか)|域名",
            r"(domain|dominio|domínio).{0,30}(existiert nicht|no existe|não existe|inesistente)",
        ),
    ),
    (
        Cause.MAILBOX_MISSING,
        (
            r"(user|mail ?box|mailfolder|recipient|address(ee)?|account|e-?mail|local[ -]?part"
            r"|person"
            r"|name|userid|user ?id|login|destination|customer|alias|member)('?s)?\S*( \S+){0,5}? "
            r"(is |was |are |were )?(un-?known|not (found|listed|known|exist|valid|recogni[sz]ed"
            r"|local"
            r"|registered|defined|present|unique|available|here|in|have|a )|(does|do|did) ?n[o']t "
            r"(exist|have|match|appear)|invalid|no longer|unavailable|non-?existent|bad\b"
            r"|undeliverable|incorrect|wrong|unrouteable|has (left|moved|changed)|ambiguous)",
            r"(unknown|no such|non-?existent|bad|illegal|incorrect|unrouteable|undeliverable"
            r"|unlisted)"
            r"( \w+){0,3} (user|mail ?box|recipient|address|account|person|local|e-?mail|login|name"
            r"|alias|login|customer|userid|id|member)",
            r"invalid( \w+){0,2} (user|mail ?box|recipient|address|account|e-?mail|login|userid"
            r"|id)",
            r"no (mail ?box|user|account|recipient|person|one)( \w+){0,3} (here|by|with|that|named"
            r"|at|found|on)|no such user|not (a )?(valid|known|existing|local|our)( \w+){0,2} "
            r"(user|mail ?box|recipient|address|account|customer|e-?mail)",
            r"does ?n[o']t have an? .{0,40}account|not (one )?of our (users|customers|members)",
            r"unknown or illegal|(does ?n[o']t|not) like (the )?recipient|unknown to|addressee",
            r"is not (here|an? (valid|active|existing))|recip(ient)?notfound"
            r"|not in .{0,30}directory",
            r"(could|can)( ?not|n't) be (found|resolved|located)|cannot find (user|recipient"
            r"|address)",
            r"delivery to .{0,40}unknown|who are you|has moved|user\b.{0,30}not a \w+ user",
            r"(empf(ä|ae)nger|benutzer|postfach|adresse|mailbox)\w*.{0,40}(unbekannt"
            r"|existiert nicht|nicht (bekannt|gefunden|vorhanden|verfügbar)|ungültig)",
            r"unbekannte\w* (empf(ä|ae)nger|benutzer|adr)",
            r"(utilisateur|destinataire|adresse|bo[iî]te|compte)\w*.{0,40}(inconnu|inexistant"
            r"|invalide"
            r"|n'existe pas|introuvable)|n'existe pas",
            r"(usuario|destinatario|direcci[oó]n|buz[oó]n|cuenta)\w*.{0,40}(desconocid|inexistente"
            r"|no "
            r"(existe|encontrad|v[aá]lid)|inv[aá]lid)|no existe",
            r"(usu[aá]rio|destinat[aá]rio|endere[cç]o|caixa|conta)\w*.{0,40}(desconhecid"
            r"|inexistente"
            r"|n[aã]o (existe|encontrad)|inv[aá]lid)",
            r"(utente|destinatario|casella|indirizzo)\w*.{0,40}(sconosciut|inesistente|non (esiste"
            r"|trovat)|errat)",
            r"(gebruiker|ontvanger|adres|mailbox|postvak|postbus)\w*.{0,30}(onbekend|bestaat niet)"
            r"|onbekende (gebr|ontv)",
            r"宛先不明|存在しま|存在しな|見つか(り|ら)|該当(する|の)?ユーザ|宛先.{0,12}(間違|誤"
            r"|不明|ありません)",
            r"(пользовател|адресат|ящик|адрес)\w*.{0,40}(не (найден|существует|известен)|неизвест"
            r"|нет)",
            r"несуществующ|(用户|收件人|邮箱|地址|帐号|账号).{0,12}(不存在|未找到|无效|错误|没有)"
            r"|不存在",
            r"no valid recipients for this",
            r"(modtager|mottaker|mottagare|bru[gk]er|användare|postkasse|adresse?)\w* .{0,20}"
            r"(findes|finnes|finns|eksisterer|existerar) (ikke|inte)",
            r"(okänd|ukendt|ukjent|tuntematon) (användare|mottagare|bru[gk]er"
            r"|modtager|mottaker|käyttäjä|vastaanottaja)|(uživatel|příjemce|adresa).{0,30}(neexist"
            r"|neznám)",
            r"ismeretlen (felhasználó|címzett)|(kullanıcı|alıcı|adres)\w*.{0,30}(yok|bulunamadı"
            r"|bilinmiyor)|(utilizator|destinatar)\w*.{0,20}(necunoscut|inexistent)|nu există",
            r"(користувач|адресат|скриньк)\w*.{0,30}(не (існує|знайден)|невідом)|άγνωστος (χρήστης"
            r"|παραλήπτης)|(người (dùng|nhận)|địa chỉ).{0,30}không tồn tại|使用者不存在",
            r"존재하지|사용자.{0,6}없|찾을 수 없|(użytkownik|adresat|skrzynka).{0,30}(nie istnieje"
            r"|niezn)|nieznan\w* (użytkownik|adresat|odbiorc)",
        ),
    ),
]
# What some servers say of a mailbox that they do not have, whatever the number beside it.
CERTAIN = re.compile(
    r"recipient address rejected: access denied"  # Exchange Online of whom it does not know (5.4.1)
    r"|^(\d{3} )?no such user!$"  # Yandex (5.7.1)
    r"|^(\d{3} )?# ?(address|recipient) rejected"  # Cisco's IronPort (5.1.0)
)
# Sayings of any refusal, that count where nothing else is said.
VAGUE: list[tuple[Cause, tuple[str, ...]]] = [
    (
        Cause.BLOCKED_REPUTATION,
        (
            r"access denied|blocked|not accept|refused|rejected|denied|banned",
            r"administrative prohibition",
        ),
    ),
]
