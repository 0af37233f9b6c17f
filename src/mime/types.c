/* MIME types by extension, for attachments whose store names none. IANA's registry of media types, and what mail
 * programs use for the unregistered ones. */
#include "mime/types.h"

#include "base/str.h"

#include <stdlib.h>
#include <string.h>

typedef struct type {
    const char *extension, *type;
} type;

#define OPENXML "application/vnd.openxmlformats-officedocument."
#define ODF     "application/vnd.oasis.opendocument."

static const type types[] = {
    /* sorted */
    {"3gp", "video/3gpp"},
    {"7z", "application/x-7z-compressed"},
    {"aac", "audio/aac"},
    {"ai", "application/postscript"},
    {"aif", "audio/x-aiff"},
    {"aiff", "audio/x-aiff"},
    {"amr", "audio/amr"},
    {"asc", "text/plain"},
    {"asf", "video/x-ms-asf"},
    {"avi", "video/x-msvideo"},
    {"avif", "image/avif"},
    {"bmp", "image/bmp"},
    {"bz2", "application/x-bzip2"},
    {"c", "text/plain"},
    {"cab", "application/vnd.ms-cab-compressed"},
    {"cer", "application/pkix-cert"},
    {"conf", "text/plain"},
    {"crl", "application/pkix-crl"},
    {"crt", "application/x-x509-ca-cert"},
    {"css", "text/css"},
    {"csv", "text/csv"},
    {"der", "application/x-x509-ca-cert"},
    {"djvu", "image/vnd.djvu"},
    {"doc", "application/msword"},
    {"docm", "application/vnd.ms-word.document.macroEnabled.12"},
    {"docx", OPENXML "wordprocessingml.document"},
    {"dot", "application/msword"},
    {"dotx", OPENXML "wordprocessingml.template"},
    {"dwf", "model/vnd.dwf"},
    {"dwg", "image/vnd.dwg"},
    {"dxf", "image/vnd.dxf"},
    {"emf", "image/emf"},
    {"eml", "message/rfc822"},
    {"eps", "application/postscript"},
    {"epub", "application/epub+zip"},
    {"exe", "application/vnd.microsoft.portable-executable"},
    {"flac", "audio/flac"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"h", "text/plain"},
    {"heic", "image/heic"},
    {"htm", "text/html"},
    {"html", "text/html"},
    {"ico", "image/vnd.microsoft.icon"},
    {"ics", "text/calendar"},
    {"ini", "text/plain"},
    {"jar", "application/java-archive"},
    {"java", "text/plain"},
    {"jpe", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript"},
    {"json", "application/json"},
    {"key", "application/vnd.apple.keynote"},
    {"kml", "application/vnd.google-earth.kml+xml"},
    {"kmz", "application/vnd.google-earth.kmz"},
    {"log", "text/plain"},
    {"m3u", "audio/x-mpegurl"},
    {"m4a", "audio/mp4"},
    {"m4v", "video/x-m4v"},
    {"mdb", "application/x-msaccess"},
    {"mid", "audio/midi"},
    {"mkv", "video/x-matroska"},
    {"mov", "video/quicktime"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpeg", "video/mpeg"},
    {"mpg", "video/mpeg"},
    {"mpp", "application/vnd.ms-project"},
    {"msg", "application/vnd.ms-outlook"},
    {"numbers", "application/vnd.apple.numbers"},
    {"odg", ODF "graphics"},
    {"odp", ODF "presentation"},
    {"ods", ODF "spreadsheet"},
    {"odt", ODF "text"},
    {"oft", "application/vnd.ms-outlook"},
    {"ogg", "audio/ogg"},
    {"ogv", "video/ogg"},
    {"one", "application/onenote"},
    {"opus", "audio/ogg"},
    {"otf", "font/otf"},
    {"p12", "application/x-pkcs12"},
    {"p7b", "application/x-pkcs7-certificates"},
    {"p7c", "application/pkcs7-mime"},
    {"p7m", "application/pkcs7-mime"},
    {"p7s", "application/pkcs7-signature"},
    {"pages", "application/vnd.apple.pages"},
    {"pdf", "application/pdf"},
    {"pem", "application/x-pem-file"},
    {"pfx", "application/x-pkcs12"},
    {"pgp", "application/pgp-encrypted"},
    {"php", "text/plain"},
    {"pl", "text/plain"},
    {"png", "image/png"},
    {"pot", "application/vnd.ms-powerpoint"},
    {"pps", "application/vnd.ms-powerpoint"},
    {"ppsx", OPENXML "presentationml.slideshow"},
    {"ppt", "application/vnd.ms-powerpoint"},
    {"pptm", "application/vnd.ms-powerpoint.presentation.macroEnabled.12"},
    {"pptx", OPENXML "presentationml.presentation"},
    {"ps", "application/postscript"},
    {"psd", "image/vnd.adobe.photoshop"},
    {"pst", "application/vnd.ms-outlook"},
    {"pub", "application/x-mspublisher"},
    {"py", "text/x-python"},
    {"rar", "application/vnd.rar"},
    {"rpmsg", "application/x-microsoft-rpmsg-message"},
    {"rtf", "text/rtf"},
    {"sh", "application/x-sh"},
    {"sql", "application/sql"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tgz", "application/gzip"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"ttf", "font/ttf"},
    {"txt", "text/plain"},
    {"url", "application/internet-shortcut"},
    {"vcf", "text/vcard"},
    {"vcs", "text/x-vcalendar"},
    {"vsd", "application/vnd.visio"},
    {"vsdx", "application/vnd.ms-visio.drawing"},
    {"wav", "audio/x-wav"},
    {"webm", "video/webm"},
    {"webp", "image/webp"},
    {"wma", "audio/x-ms-wma"},
    {"wmf", "image/wmf"},
    {"wmv", "video/x-ms-wmv"},
    {"wps", "application/vnd.ms-works"},
    {"xla", "application/vnd.ms-excel"},
    {"xls", "application/vnd.ms-excel"},
    {"xlsb", "application/vnd.ms-excel.sheet.binary.macroEnabled.12"},
    {"xlsm", "application/vnd.ms-excel.sheet.macroEnabled.12"},
    {"xlsx", OPENXML "spreadsheetml.sheet"},
    {"xlt", "application/vnd.ms-excel"},
    {"xltx", OPENXML "spreadsheetml.template"},
    {"xml", "application/xml"},
    {"xps", "application/vnd.ms-xpsdocument"},
    {"yaml", "application/yaml"},
    {"yml", "application/yaml"},
    {"zip", "application/zip"},
};

static int by_extension(const void *key, const void *entry)
{
    return haul_icmp(key, ((const type *)entry)->extension);
}

const char *haul_type_of_extension(const char *extension)
{
    const type *t = bsearch(extension, types, HAUL_COUNT(types), sizeof types[0], by_extension);
    return t ? t->type : NULL;
}

/* RFC 2045 5.1 */
static bool is_token(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)p[i] <= 32 || (unsigned char)p[i] >= 127 || strchr("()<>@,;:\\\"/[]?=", p[i]))
            return false;
    return n > 0 && n <= 127;
}

/* An attachment is octets: it has no parts of ours (multipart). Of message/… only those that stand for themselves. */
static bool is_composite(const char *z, size_t n)
{
    static const char *const whole[] = {"message/rfc822", "message/delivery-status",
                                        "message/disposition-notification", "message/feedback-report"};
    for (size_t i = 0; i < HAUL_COUNT(whole); i++)
        if (haul_icmp(z, whole[i]) == 0)
            return false;
    return haul_istarts(z, n, "multipart/") || haul_istarts(z, n, "message/");
}

bool haul_type_ok(const char *z)
{
    size_t n = strlen(z);
    const char *slash = strchr(z, '/');
    if (!slash || is_composite(z, n))
        return false;
    return is_token(z, (size_t)(slash - z)) && is_token(slash + 1, n - (size_t)(slash - z) - 1);
}

const char *haul_extension_of_type(const char *name)
{
    static const type usual[] = {
        {"txt", "text/plain"}, {"jpg", "image/jpeg"}, {"html", "text/html"}, {"eml", "message/rfc822"}};
    for (size_t i = 0; i < HAUL_COUNT(usual); i++)
        if (strcmp(usual[i].type, name) == 0)
            return usual[i].extension;
    for (size_t i = 0; i < HAUL_COUNT(types); i++)
        if (strcmp(types[i].type, name) == 0)
            return types[i].extension;
    return NULL;
}
