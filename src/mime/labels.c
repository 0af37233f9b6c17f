#include "mime/labels.h"

#include "base/str.h"

typedef struct row {
    haul_label label;
    const char *texts; /* '|'-separated: what Takeout and the web interface write */
} row;

static const row rows[] = {
    {HAUL_LABEL_UNREAD, "Unread|Ungelesen|Non lus|Non lu|No leído|No leídos|Sin leer|Da leggere|Non letti|"
                        "Non letto|Não lidas|Não lida|Não lidos|Não lido|Ongelezen|Nieprzeczytane|"
                        "Непрочитанные|未読|未读|未讀|Olästa|Oläst|Ulæste|Ulæst|Okunmamış"},
    {HAUL_LABEL_OPENED, "Opened|Geöffnet|Ouvert|Ouverts|Abierto|Abiertos|Aperti|Aperto|Abertas|Aberta|"
                        "Aberto|Abertos|Geopend|Otwarte|Открытые|Открыто|開封済み|已打开|已開啟|已读|已讀|"
                        "Öppnade|Öppnad|Öppnat|Åbnet|Åbnede|Açıldı|Açılmış|Açılan"},
    {HAUL_LABEL_STARRED, "Starred|Markiert|Suivis|Favoris|Messages suivis|Destacados|Destacado|Speciali|"
                         "Com estrela|Met ster|Oznaczone gwiazdką|Помеченные|スター付き|已加星标|已加星號|"
                         "Stjärnmärkta|Stjärnmärkt|Stjernemarkerede|Stjernemarkeret|Yıldızlı"},
    {HAUL_LABEL_DRAFT, "Drafts|Draft|Entwürfe|Entwurf|Brouillons|Brouillon|Borradores|Borrador|Bozze|Bozza|"
                       "Rascunhos|Rascunho|Concepten|Concept|Wersje robocze|Robocze|Черновики|Черновик|"
                       "下書き|草稿|Utkast|Kladder|Kladde|Taslaklar|Taslak"},
    {HAUL_LABEL_SPAM, "Spam|Junk|Courrier indésirable|Spamverdacht|Correo no deseado|Lixo eletrônico|Спам|"
                      "迷惑メール|垃圾邮件|垃圾郵件|Skräppost|Istenmeyen"},
    {HAUL_LABEL_INBOX, "Inbox|Posteingang|Boîte de réception|Messages reçus|Recibidos|"
                       "Bandeja de entrada|Posta in arrivo|Caixa de entrada|Entrada|Recebidos|Postvak IN|"
                       "Odebrane|Skrzynka odbiorcza|Входящие|受信トレイ|收件箱|收件匣|Inkorgen|Inkorg|"
                       "Indbakke|Gelen Kutusu|Gelen kutusu"},
    {HAUL_LABEL_SENT, "Sent|Sent Mail|Gesendet|Messages envoyés|Envoyés|Envoyé|Enviados|Enviado|"
                      "Posta inviata|Inviati|Inviata|E-mails enviados|Verzonden|Wysłane|Отправленные|"
                      "送信済みメール|送信済み|已发邮件|已发送邮件|已发送|寄件備份|Skickat|Skickade|Sendt|"
                      "Sendte mails|Gönderilmiş Postalar|Gönderilmiş|Gönderilenler|Gönderildi"},
    {HAUL_LABEL_TRASH, "Trash|Bin|Papierkorb|Corbeille|Papelera|Cestino|Lixeira|Lixo|Reciclagem|Prullenbak|"
                       "Kosz|Корзина|ゴミ箱|已删除邮件|回收站|垃圾桶|Papperskorgen|Papperskorg|Papirkurv|"
                       "Çöp Kutusu|Çöp kutusu"},
    {HAUL_LABEL_IMPORTANT, "Important|Wichtig|Importants|Importante|Importanti|Importantes|Belangrijk|Ważne|"
                           "Важное|Важные|重要|重要邮件|重要郵件|Viktigt|Viktiga|Vigtigt|Vigtige|Önemli"},
    {HAUL_LABEL_CHAT, "Chat|Chats|Bate-papo|Czat|Чат|Чаты|チャット|聊天|即時通訊|Chatt|Sohbet|Sohbetler"},
    {HAUL_LABEL_ARCHIVED, "Archived|Archiviert|Archivé|Archivés|Archivado|Archivados|Archiviati|Archiviato|"
                          "Arquivados|Arquivado|Arquivadas|Gearchiveerd|Zarchiwizowane|Архивированные|"
                          "В архиве|アーカイブ済み|已归档|已封存|Arkiverade|Arkiverad|Arkiverat|Arkiveret|"
                          "Arşivlendi|Arşivlenmiş"},
};

/* "Category Promotions", "Kategorie: Werbung", "カテゴリ: …" */
static const char categories[] =
    "Category |Kategorie |Kategorie: |Catégorie |Catégorie : |Categoría |"
    "Categoría: |Categoria |Categoria: |Categorie |Categorie: |Kategoria |"
    "Kategoria: |Категория |Категория: |Kategori |Kategori: |カテゴリ|类别|類別|分类";

/* Is p one of the texts, or does one begin it? */
static bool in_list(const char *list, haul_span s, bool prefix)
{
    for (const char *at = list; *at;) {
        size_t n = 0;
        while (at[n] && at[n] != '|')
            n++;
        if (prefix ? s.len > n : s.len == n) {
            size_t i = 0;
            while (i < n && haul_lower((unsigned char)s.p[i]) == haul_lower((unsigned char)at[i]))
                i++;
            if (i == n)
                return true;
        }
        at += n + (at[n] == '|');
    }
    return false;
}

const char *haul_label_of_vault(const char *p, size_t n)
{
    static const struct {
        const char *vault, *name;
    } names[] = {
        {"^INBOX", "Inbox"},
        {"^i", "Inbox"},
        {"^SENT", "Sent"},
        {"^f", "Sent"},
        {"^UNREAD", "Unread"},
        {"^u", "Unread"},
        {"^OPENED", "Opened"},
        {"^o", "Opened"},
        {"^STARRED", "Starred"},
        {"^t", "Starred"},
        {"^DRAFT", "Drafts"},
        {"^DRAFTS", "Drafts"},
        {"^r", "Drafts"},
        {"^TRASH", "Trash"},
        {"^k", "Trash"},
        {"^SPAM", "Spam"},
        {"^s", "Spam"},
        {"^CHAT", "Chat"},
        {"^b", "Chat"},
        {"^IMPORTANT", "Important"},
        {"^ARCHIVED", "Archived"},
    };
    for (size_t i = 0; i < HAUL_COUNT(names); i++)
        if (haul_span_is((haul_span){p, n}, names[i].vault))
            return names[i].name;
    return NULL;
}

haul_label haul_label_find(const char *p, size_t n)
{
    haul_span s = {p, n};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        if (in_list(rows[i].texts, s, false))
            return rows[i].label;
    return in_list(categories, s, true) ? HAUL_LABEL_CATEGORY : HAUL_LABEL_USER;
}
