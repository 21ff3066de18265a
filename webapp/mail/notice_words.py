"""How mail servers begin their notices: tables to recognise a bounce, a delay or an auto-reply.

Patterns meet lower-case text. Add a line where a notice is not recognised.
"""

import re


def _any(*patterns: str) -> re.Pattern:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


# who writes notices: the local part of From, or its display name
DAEMONS = _any(
    r"mailer-?daemon|mailer_daemon|mail-daemon|^postmaster|mail[ ._-]?delivery|^mdaemon",
    r"content-filter|mail[ ._-]?system",
    r"mail[ ._-]administrator|system[ ._-](administrator|attendant)|delivery[ ._-](sub)?system",
    r"mail[ ._-](server|service|gateway|router|transport|subsystem)|e-?mail[ ._-]server",
    r"^(bounces?|return(ed)?|error|undeliver\w+)[ ._-]?(mail)?@|smtp[ ._-](gateway|server|service)",
    r"microsoft exchange|symantec_antivirus|internet mail|mmdf|^(smtp|mail|mta|mail-?error)@",
    r"^post[ ._-]?office|メール配送|postmaster@|listserv",
)
# what they write about
SUBJECTS = _any(
    r"undeliver|un-?deliver|not (be )?deliver|non[- ]?deliver|could ?n.?t (be )?deliver|unable to",
    r"deliver[yi]\w*( \w+)? (fail|error|problem|notif|status|report|delay|issue|warning)",
    r"(failure|failed|error|failing)( \w+){0,2} (notice|notif|deliver|sending|mail|message|report)",
    r"(mail|message|e-?mail|send|sending|transport|processing|permanent|system|nondelivery)"
    r"( \w+)? (fail|error|problem|delay|status|returned|not sent|bounced)",
    r"return(ed|ing)( to)? (mail|message|e-?mail|sender|post)|(mail|message) (is )?return",
    r"(delayed|deferred) (mail|message)|(mail|message|delivery)( \w+){0,3} (delay|defer)",
    r"^(failure|error|delayed|delivery|warning|ndn|dsn|bounced?)\b|user unknown|unknown (user"
    r"|address)",
    r"\b(mail|message|e-?mail) (was )?(rejected|refused|blocked|stopped)|^bounced? (mail|message)",
    r"^not member\b|^(address|recipient) error|considered (unsolicited|spam)",
    r"failed (to deliver|mail|deliver|transaction|message)|no such user|mailbox (is )?(full|not"
    r"|un)|did ?n.t reach"
    r"|not accepted",
    r"unzustellbar|nicht zugestellt|zustell|fehler|[ée]chec|non (remis|distribu)|avis de non",
    r"no se (pudo|puede|ha)|error de entrega|fallo|devuelto|n[aã]o (entreg|p[oô]de)|falha|devolv",
    r"mancat[ao] (consegna|recapito)|impossibile|onbestelbaar|niet (bezorgd|afgeleverd)",
    r"недостав|не (доставлен|удается достав)|(сбой|ошибка) (достав|отправ)|возвра|退信|投递|无法"
    r"|送信(でき|不能|エラー|失敗)|配信(でき|不能"
    r"|エラー|失敗)",
    r"配送(でき|不能|エラー|失敗)|エラー|不達|返送|전송 실패|배달되지|niedostarcz|zwrot|leverans"
    r"|returner[ae][td]",
    r"nezdařil|nedoruč|doručit|levering|levere[st]\b|toimit(us|et|tam)|kézbesít|iletileme",
    r"teslim edil",
    r"livrat|không (gửi|thể)|не доставлено|повернен|δεν παραδόθηκε|παράδοση|לא ניתן למסירה",
    r"تعذر التسليم|無法(傳遞|送達)|退信通知",
)
# what the text says of a message that did not arrive
FAILURES = _any(
    r"(could|can|was|were|has|have|is|did|been|will)(not| not|n't|n`t)( yet| be| been| have)*"
    r"( able to)? (be )?(deliver|sent|reach|send|relay|process|accepted|transmit|forward)",
    r"(unable|not able|failed|impossible|failure|inability|attempt(ed|ing|s)?) to (be )?"
    r"(deliver|send|reach|relay|forward|transmit|route)",
    r"deliver\w*( \w+){0,6} (fail|problem|error|abort|unsuccess|impossible|not possible|delay)",
    r"(error|problem|failure)( \w+){0,6} (deliver|sending|processing|transport|mail)",
    r"(delivery|mail) (status notification|failure|error|problem|has failed|report)",
    r"(undeliver|non-?deliver|did ?not reach|didn't reach|not (be )?(reached|delivered|sent))",
    r"(returned|bounced|rejected|refused|returning)( \w+){0,5} (mail|message|sender|because|by|to)",
    r"(mail|message|e-?mail)( \w+){0,6} (return|bounced|reject|refused|fail|discard|delay)",
    r"your (mail|message|e-?mail) to \S+ (was|has been|is) (\w+ly )?(reject|refus|return|block"
    r"|consider)",
    r"delivery of (the|your) (mail|message|e-?mail) was stopped|bad address",
    r"fatal errors|transient non-?fatal|permanent(ly)? (error|fail)|transcript of session",
    r"failed recipient|invalid (final delivery|recipient)|unknown user|user unknown",
    r"no such (user|mailbox|address|recipient)|(mailbox|user|address|recipient) does ?n[o']t exist",
    r"(message|mail)s? to \S+ (has |was )?(bounced|failed)\b",
    r"mailbox (is )?full|recipient\w*( \w+){0,4} (fail|reject|not|invalid|unknown)|fehlgeschlagen",
    r"failed address|unknown host|exceeds allowed|error-for|remote host said|smtp error"
    r"|unzustellbar|nicht zugestellt|konnte.{0,60}nicht",
    r"n'a pas (pu|été)|ne peut|échec|a échoué|impossible"
    r"|no (se )?(ha |pudo|puede|fue|pudimos|hemos)",
    r"n[aã]o (p[oô]de|foi|pode)|non (è|e'|e|ha) (stato|possibile|potuto)|impossibile|mancata",
    r"niet (bezorgd|worden|afgeleverd)|не (удалось|удается|может|был|доставлен)|сбой достав|ошибк"
    r"|невозможно",
    r"でき(ません|な)|失敗|届き?(ません|かなかった)|エラー|宛先不明|配達|无法|失败|退回|被退"
    r"|不存在|실패",
    r"kunne? (inte|ikke) (bli )?lever|(har|er) (blivit )?returner"
    r"|mislyk(ke)?[dt]es|gick inte att leverera"
    r"|ei (voitu|onnistunut)|nepodařilo|nezdařil|nelze doruč|nie (można|udało)|nie powiod"
    r"|nem sikerült|kézbesíthetetlen",
    r"(teslim|iletil)\w* ?(edil)?eme|nu a putut fi|nelivrat|không (thể|gửi)|не (вдалос|вдалося)",
    r"δεν (παραδόθηκε|ήταν δυνατή)|απέτυχε|αποτυχία|נכשלה|לא ניתן|تعذر|فشل|無法|못했습니다",
    r"is not accepting|does ?n.t have an?|unrouteable|quota|over its|out of .{0,12}space"
    r"|no mailbox",
)
DELAYS = _any(
    r"(has|have) (not yet|been delayed)|(is|been|was|message|mail|delivery)( \w+){0,2} delayed\b"
    r"|\bdeferred:",
    r"will (be |continue to be |keep |continue )?(retried|retry|try|trying)|not yet (been )?deliv",
    r"this is (just )?a warning|warning( message)? only|no action is required|still being retried",
    r"(attempts?|delivery)( \w+){0,3} will (continue|be made)|(do|need) not( need)? (to )?resend",
    r"(continue|keep)s? (to )?try|transient non-?fatal errors|temporary (delivery )?(fail|prob)",
    r"will be (attempted|tried) again|queued for (retry|delivery)|noch nicht zugestellt",
    r"weitere? (zustell)?versuch|n'a pas encore|nouvelle tentative|seguir[aá] intentando|再送",
    r"verzögert|retardée?\b|aún no (se )?ha|ainda não foi|non (è|e') (ancora )?stat\w+ ancora",
    r"ancora (stat\w+ )?(consegnat|recapitat)|ritardo|nog niet (bezorgd|afgeleverd)|vertraagd",
    r"försenad|forsinket|viivästy|zpožděn|opóźni|késik|gecik|întârzi|затрим|задерж|延迟|延遲|遅延|지연",
    r"(seguirá|continuará) (a )?tent|adiad[ao]|atrasad[ao]",
)
# where the returned mail begins, when its headers do not show it
DIVIDERS = _any(
    r"^\W{0,10}[-=_*~|]{2,}+.{0,40}(original|returned|unsent|undelivered|copy of|rejected"
    r"|オリジナル|元の)"
    r".{0,12}(message|mail|e-?mail|header|text|メール|メッセージ)",
    r"^\W{0,10}(the |your |a copy of the )?(original|returned|unsent|undelivered) (message|mail"
    r"|e-?mail)"
    r"\b.{0,40}(follow|below|attached|header|[:-]\s*$)",
    r"^\W{0,10}((included )?(is|below is) a copy|message (headers?|text) follow)|below this line",
    r"(first part|headers?|copy) of (the|your) (original )?(message|mail)\b.{0,40}$",
    r"^\W{0,10}[-=_*~|]{2,}+.{0,20}(mensaje|nachricht|message|mensagem) (origin|adjunt|d'origine)",
)
# how a person begins or ends a letter; a machine may as well, but under its own name
GREETINGS = re.compile(
    r"(?im)^\W{0,3}(dear|hi|hello|hey|hallo|liebe[rs]?|sehr geehrte|guten tag|bonjour|hola|ciao"
    r"|kind regards|best regards|regards|cheers|mfg|viele grüße|mit freundlichen|cordialement)\b"
)
# what stands before the addresses
ANNOUNCEMENTS = _any(
    r"(following|these|failed|affected|intended|undeliverable|invalid)( \w+){0,2} (recipients?"
    r"|address|addresses|destinations?|users?|mailbox\w*|persons?|people)(\b|\(e?s\))",
    r"(recipients?|address(es)?)( \w+){0,3} (follow|below|failed|rejected|were|was|could|not)\b",
    r"(not delivered|undelivered|deliver\w*|failed|send|sent|reach\w*|envoy\w*|delivr\w*)"
    r"( \w+){0,3} (to|for|à|a)( (the|these|following))*\s*:?\s*$",
    r"以下の|次の(あて先|宛先|アドレス|メール|受信者)|folgende\w*|(los |las )?siguiente|suivant"
    r"|seguinte"
    r"|seguenti|volgende|следующ|以下(收件|地址|邮件)|下列",
)
# and what takes it back: the last notice speaks of the tries before it
GIVEN_UP = _any(
    r"(i've |have |has |are |was |we )(given|giving|gave) up|i'm not going to try"
    r"|no further attempts|(has|have) (now )?(failed|exp)",
    r"(permanent|fatal) (error|fail)|failed permanently|(will|can) (not|no longer) be (re)?tried",
    r"will be deleted from|has been (returned|bounced|deleted|removed|cancelled)"
    r"|retry timeout exceeded",
)
# RFC 3834 and what came before it
REPLY_HEADERS = {
    "x-autoreply": r".",
    "x-autorespond": r".",
    "x-autoreply-from": r".",
    "x-mail-autoreply": r".",
    "x-auto-response-suppress": r"^$",  # says what it does not want, not what it is
    "x-apple-action": r"vacation",
    "x-vacation": r".",
    "precedence": r"auto[_-]?reply",
    "auto-submitted": r"auto-(replied|notified|reply)|auto-generated.*vacation|vacation",
    "delivered-by-the-graces-of": r"autoresponder",
}
REPLY_SUBJECTS = _any(
    r"^\W{0,3}auto(matic|mated|matically|mailer)?[ -]?(reply|response|answer|respon\w+|generated)",
    r"^\W{0,3}(out of|away from) (the |my )?office|^\W{0,3}on (vacation|holiday|leave)|^ooo\b",
    r"^\W{0,3}(vacation|absence|autoreply|autorespond|auto:)|abwesen|automatische (antwort|rückm)",
    r"r[ée]ponse automatique|respuesta autom[aá]tica|resposta autom[aá]tica|absence du bureau",
    r"risposta automatica|fuori (sede|ufficio)|automatisch antwoord|afwezig|fuera de la oficina",
    r"自動(応答|返信|回答)|不在(の|連絡|通知)|自动(回复|答复)|автоответ|автоматический ответ"
    r"|부재중",
    r"autosvar|automatisk svar|autom[aá]tick[aá] odpov|automatyczna odpowied",
    r"otomatik yanıt|ausente|mimo kancelář|^(olen )?poissa\b|^fravær|^frånvaro",
    r"automaattinen vastaus|automatikus válasz|răspuns automat|автоматична відповідь|absente? du",
    r"αυτόματη απάντηση|תשובה אוטומטית|رد تلقائي|trả lời tự động|自動回覆|자동 (회신|응답)",
)
COMPLAINT_SUBJECTS = _any(
    r"^complaint about message from|^(\w+ )?abuse (report|complaint)|^feedback loop"
    r"|^email feedback",
    r"^spam report|^fbl:",
)
