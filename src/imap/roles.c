/* Which folder has which use: by attribute, and by the names that mail programs and servers give in their languages. */
#include "imap/names.h"

#include <glib.h>
#include <string.h>

typedef struct attribute_row {
    haul_role role;
    const char *name;
} attribute_row;

/* The first of each role is what we write. */
static const attribute_row attributes[] = {
    {HAUL_ROLE_ALL, "\\All"},         {HAUL_ROLE_ARCHIVE, "\\Archive"},     {HAUL_ROLE_DRAFTS, "\\Drafts"},
    {HAUL_ROLE_FLAGGED, "\\Flagged"}, {HAUL_ROLE_JUNK, "\\Junk"},           {HAUL_ROLE_SENT, "\\Sent"},
    {HAUL_ROLE_TRASH, "\\Trash"},     {HAUL_ROLE_IMPORTANT, "\\Important"},
};
/* Of XLIST, and what servers made up. */
static const attribute_row others[] = {
    {HAUL_ROLE_INBOX, "\\Inbox"},      {HAUL_ROLE_JUNK, "\\Spam"},    {HAUL_ROLE_FLAGGED, "\\Starred"},
    {HAUL_ROLE_ALL, "\\AllMail"},      {HAUL_ROLE_TRASH, "\\Bin"},    {HAUL_ROLE_TRASH, "\\Deleted"},
    {HAUL_ROLE_JUNK, "\\Bulk"},        {HAUL_ROLE_DRAFTS, "\\Draft"}, {HAUL_ROLE_SENT, "\\SentMail"},
    {HAUL_ROLE_ARCHIVE, "\\Archives"},
};

/* Outlook, Exchange, Thunderbird, Apple Mail, Gmail and web mailers: en de fr es ca pt it nl sv da nb fi pl cs sk hu ro
 * ru uk bg el tr ja zh-Hans zh-Hant ko he ar hr sl et lv lt vi id. A name that stands for two uses is left out. */
static const struct name_row {
    haul_role role;
    const char *names;
} rows[] = {
    {HAUL_ROLE_SENT,
     "Sent|Sent Items|Sent Messages|Sent Mail|Sent Mails|Sent-Mail|Sentmail|Sent Objects|Sent Email|"
     "Gesendet|Gesendete Elemente|Gesendete Objekte|Gesendete Nachrichten|Gesendete Mails|Gesendete E-Mails|"
     "Envoyés|Éléments envoyés|Messages envoyés|Courrier envoyé|Objets envoyés|Courriers envoyés|Envoyé|"
     "Enviados|Elementos enviados|Mensajes enviados|Correo enviado|Correos enviados|Enviado|"
     "Enviats|Elements enviats|Missatges enviats|"
     "Itens enviados|Mensagens enviadas|E-mails enviados|Correio enviado|Enviadas|"
     "Inviata|Inviati|Posta inviata|Messaggi inviati|Elementi inviati|Inviate|"
     "Verzonden|Verzonden items|Verzonden berichten|Verzonden e-mail|Verstuurd|"
     "Skickat|Skickade|Skickade objekt|Skickade meddelanden|Skickad e-post|"
     "Sendt|Sendte|Sendt post|Sendte elementer|Sendte e-mails|Sendte meddelelser|Sendte meldinger|Sendt "
     "e-post|"
     "Lähetetyt|Lähetetyt viestit|Lähetetyt kohteet|"
     "Wysłane|Elementy wysłane|Wysłane wiadomości|Wiadomości wysłane|Poczta wysłana|"
     "Odeslané|Odeslaná pošta|Odeslané položky|Odeslané zprávy|"
     "Odoslané|Odoslaná pošta|Odoslané položky|Odoslané správy|"
     "Elküldött|Elküldött elemek|Elküldött üzenetek|Elküldött levelek|Küldött|"
     "Trimise|Elemente trimise|Mesaje trimise|"
     "Отправленные|Отправленные письма|Отправленные сообщения|Отправлено|"
     "Надіслані|Відправлені|Надіслані повідомлення|Надіслані елементи|"
     "Изпратени|Изпратени елементи|Изпратена поща|"
     "Απεσταλμένα|Απεσταλμένα στοιχεία|Σταλμένα|"
     "Gönderilmiş|Gönderilmiş Öğeler|Gönderilenler|Gönderilmiş Postalar|"
     "送信済み|送信済みアイテム|送信済みメール|送信済みトレイ|送信済みメッセージ|"
     "已发送|已发送邮件|已发邮件|已发送消息|已发送郵件|"
     "寄件備份|已傳送郵件|已寄郵件|寄件備份匣|已傳送的郵件|寄件匣備份|"
     "보낸 편지함|보낸 메일|보낸 메일함|보낸메일함|보낸편지함|"
     "פריטים שנשלחו|דואר שנשלח|נשלח|נשלחו|العناصر المرسلة|المرسل|البريد المرسل|المرسلة|الرسائل المرسلة|"
     "Poslano|Poslane stavke|Poslana pošta|Poslane poruke|Poslana sporočila|"
     "Saadetud|Saadetud kirjad|Saadetud üksused|Nosūtītās|Nosūtītie vienumi|Nosūtītie|"
     "Išsiųsti|Išsiųsti laiškai|Išsiųsti elementai|Đã gửi|Thư đã gửi|Mục đã gửi|Terkirim|Item Terkirim|"
     "Surat Terkirim"},
    {HAUL_ROLE_DRAFTS,
     "Drafts|Draft|Draft Messages|Entwürfe|Entwurf|Brouillons|Brouillon|Borradores|Borrador|Esborranys|"
     "Rascunhos|Rascunho|Bozze|Bozza|Concepten|Utkast|Kladder|Kladde|Kladd|Luonnokset|"
     "Wersje robocze|Kopie robocze|Robocze|Szkice|Koncepty|Rozepsané|Rozpísané|Rozepsané zprávy|"
     "Piszkozatok|Piszkozat|Ciorne|Schițe|Черновики|Черновик|Чернетки|Чернови|Πρόχειρα|Taslaklar|Taslak|"
     "下書き|下書きトレイ|草稿|草稿箱|草稿匣|草稿夾|임시 "
     "보관함|임시보관함|טיוטות|المسودات|مسودات|Skice|Predlošci|"
     "Osnutki|Mustandid|Uzmetumi|Melnraksti|Juodraščiai|Thư nháp|Bản nháp|Konsep|Draf"},
    {HAUL_ROLE_TRASH,
     "Trash|Deleted|Deleted Items|Deleted Messages|Deleted Mail|Bin|Wastebasket|Rubbish|"
     "Papierkorb|Gelöscht|Gelöschte Elemente|Gelöschte Objekte|Gelöschte Nachrichten|Gelöschte E-Mails|"
     "Corbeille|Éléments supprimés|Messages supprimés|Objets supprimés|Courrier supprimé|Poubelle|"
     "Papelera|Elementos eliminados|Mensajes eliminados|Correo eliminado|Eliminados|Papelera de reciclaje|"
     "Paperera|Elements suprimits|Elements eliminats|"
     "Lixeira|Lixo|Itens excluídos|Itens eliminados|Mensagens excluídas|Mensagens eliminadas|Reciclagem|"
     "Cestino|Posta eliminata|Elementi eliminati|Messaggi eliminati|Eliminata|"
     "Prullenbak|Prullenmand|Verwijderde items|Verwijderde berichten|Verwijderd|"
     "Papperskorg|Papperskorgen|Borttaget|Borttagna objekt|Borttagna meddelanden|"
     "Papirkurv|Slettet|Slettet post|Slettede elementer|Slettede e-mails|Slettede meddelelser|Slettede "
     "meldinger|"
     "Søppelbøtte|Søppel|"
     "Roskakori|Poistetut|Poistetut viestit|Poistetut kohteet|"
     "Kosz|Elementy usunięte|Usunięte|Usunięte wiadomości|"
     "Koš|Odstraněná pošta|Odstraněné položky|Smazané|Kôš|Odstránené položky|Odstránená pošta|Vymazané|"
     "Lomtár|Törölt elemek|Törölt üzenetek|Törölt|"
     "Gunoi|Coș de gunoi|Elemente șterse|Mesaje șterse|"
     "Корзина|Удаленные|Удалённые|Удаленные сообщения|Кошик|Видалені|Видалені елементи|Кошче|Изтрити|"
     "Изтрити елементи|"
     "Κάδος απορριμμάτων|Διαγραμμένα|Διαγραμμένα στοιχεία|Κάδος|Απορρίμματα|"
     "Çöp|Çöp Kutusu|Silinmiş Öğeler|Silinenler|Silinmiş|"
     "ゴミ箱|ごみ箱|削除済みアイテム|削除済み|削除済みメッセージ|"
     "已删除|已删除邮件|已删除消息|废件箱|回收站|刪除的郵件|已刪除的郵件|垃圾桶|刪除的項目|"
     "지운 편지함|휴지통|삭제된 편지함|지운편지함|"
     "פריטים שנמחקו|אשפה|נמחקו|العناصر المحذوفة|المحذوفة|المهملات|سلة المهملات|"
     "Smeće|Izbrisane stavke|Obrisane stavke|Smeti|Izbrisano|Koš za smeti|Kustutatud|Kustutatud "
     "üksused|Prügikast|"
     "Prügi|Atkritne|Izdzēstie vienumi|Papīrgrozs|Šiukšlinė|Šiukšliadėžė|Panaikinti elementai|Ištrinti|"
     "Thùng rác|Mục đã xóa|Đã xóa|Tong Sampah|Item Terhapus|Surat Terhapus"},
    {HAUL_ROLE_JUNK,
     "Junk|Junk Email|Junk E-mail|Junk Mail|Junk-Mail|Spam|Spam Mail|Bulk|Bulk Mail|"
     "Junk-E-Mail|Junk-Email|Spamverdacht|Unerwünscht|Unerwünschte Werbung|Spamordner|"
     "Courrier indésirable|Indésirables|Pourriels|Pourriel|Courriers indésirables|"
     "Correo no deseado|Correo basura|No deseado|No deseados|Correu brossa|Correu no desitjat|"
     "Lixo eletrônico|Lixo eletrónico|Lixo electrónico|Correio indesejado|E-mail de lixo|"
     "Posta indesiderata|Indesiderata|Posta spazzatura|"
     "Ongewenste e-mail|Ongewenste post|Ongewenste reclame|Ongewenst|"
     "Skräppost|Skräp|Uønsket|Uønsket post|Uønsket mail|Uønsket e-post|Uønsket "
     "reklame|Søppelpost|Søppel-e-post|"
     ""
     "Roskaposti|Wiadomości-śmieci|Niechciane|Śmieci|Wiadomości śmieci|"
     "Nevyžádaná pošta|Nevyžádané|Nevyžiadaná pošta|Nevyžiadané|"
     "Levélszemét|Kéretlen|Kéretlen levelek|Mesaje nedorite|E-mail nedorit|Nedorite|"
     "Спам|Нежелательная почта|Нежелательные|Небажана пошта|Небажані|Нежелана поща|"
     "Ανεπιθύμητα|Ανεπιθύμητη αλληλογραφία|"
     "Önemsiz|Önemsiz E-posta|İstenmeyen|Gereksiz|Gereksiz E-posta|İstenmeyen E-posta|"
     "迷惑メール|迷惑メールフォルダ|迷惑メールフォルダー|スパム|"
     "垃圾邮件|垃圾电子邮件|垃圾郵件|垃圾信件|垃圾信件匣|廣告郵件|"
     "정크 메일|정크메일|스팸|스팸 편지함|스팸메일함|스팸함|"
     "דואר זבל|זבל|ספאם|البريد غير الهام|غير المرغوب|البريد غير المرغوب فيه|بريد غير هام|"
     "Neželjena pošta|Neželena pošta|Neželena sporočila|Neželjeno|Rämpspost|Surogātpasts|Mēstules|Nevēlams "
     "e-pasts|"
     "Brukalas|Nepageidaujamas paštas|Šlamštas|Thư rác|Email Rác|Surat Sampah|Email Sampah"},
    {HAUL_ROLE_ARCHIVE,
     "Archive|Archives|Archived|Archiv|Archivierte|Archivo|Archivos|Archivados|Arxiu|Arxius|Arquivo|"
     "Arquivos|Arquivo morto|Archivio|Archivi|Archief|Archieven|Arkiv|Arkiver|Arkisto|Arkistot|Archiwum|"
     "Archiwa|Archív|Archívum|Arhivă|Arhiva|Arhive|Arhiv|Архив|Архивы|Архів|Архіви|Αρχείο|Αρχειοθέτηση|Arşiv|"
     "Arşivler|アーカイブ|存档|归档|封存|典藏|封存郵件|보관|보관함|보관 "
     "편지함|ארכיון|الأرشيف|أرشيف|Arhiiv|Arhīvs|"
     "Archyvas|Lưu trữ|Arsip"},
};

const char *haul_imap_special_use(haul_role r)
{
    for (size_t i = 0; i < HAUL_COUNT(attributes); i++)
        if (attributes[i].role == r)
            return attributes[i].name;
    return NULL;
}

static haul_role find(const attribute_row *v, size_t count, haul_span name)
{
    for (size_t i = 0; i < count; i++)
        if (haul_span_is(name, v[i].name))
            return v[i].role;
    return HAUL_ROLE_NONE;
}

haul_role haul_imap_role_of_attribute(const char *p, size_t n)
{
    haul_role r = find(attributes, HAUL_COUNT(attributes), (haul_span){p, n});
    return r != HAUL_ROLE_NONE ? r : find(others, HAUL_COUNT(others), (haul_span){p, n});
}

const char *haul_imap_role_names(size_t i, haul_role *ret)
{
    if (i >= HAUL_COUNT(rows))
        return NULL;
    *ret = rows[i].role;
    return rows[i].names;
}

/* Case folded and composed: equal for names that differ in nothing a reader sees. NULL when malformed. */
static char *folded(const char *p, size_t n)
{
    char *low = g_utf8_validate(p, (gssize)n, NULL) ? g_utf8_casefold(p, (gssize)n) : NULL;
    char *normal = low ? g_utf8_normalize(low, -1, G_NORMALIZE_NFC) : NULL;
    g_free(low);
    return normal;
}

static bool in_list(const char *names, const char *want)
{
    bool found = false;
    while (*names && !found) {
        size_t n = strcspn(names, "|");
        char *one = folded(names, n);
        found = one && strcmp(one, want) == 0;
        g_free(one);
        names += n + (names[n] == '|');
    }
    return found;
}

haul_role haul_imap_role_of_name(const char *name)
{
    haul_role role = HAUL_ROLE_NONE;
    char *want = folded(name, strlen(name));
    for (size_t i = 0; want && i < HAUL_COUNT(rows) && role == HAUL_ROLE_NONE; i++)
        if (in_list(rows[i].names, want))
            role = rows[i].role;
    g_free(want);
    return role;
}
