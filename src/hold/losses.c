#include "hold/losses.h"

#include "model/issue.h"

#include <string.h>

static const char *text_of(const json_t *o, const char *key)
{
    const char *z = json_string_value(json_object_get(o, key));
    return z ? z : "";
}

/* source: an object of the report's list. */
static haul_rc note(haul_catalog *c, const json_t *source, haul_exception x, haul_err *e)
{
    const char *custodian = text_of(source, "custodian");
    x.docid = x.item_id = x.folder = "";
    x.source = text_of(source, "name");
    x.custodian = *custodian ? custodian : x.source;
    x.place = text_of(source, "path");
    return haul_catalog_add_exception(c, &x, e);
}

static haul_rc note_error(haul_catalog *c, const json_t *source, haul_err *e)
{
    const char *error = text_of(source, "error");
    haul_exception x = {.kind = "failed",
                        .issue = "",
                        .detail = error,
                        .disposition = "what was read of it is in the package; the source has the rest"};
    return *error ? note(c, source, x, e) : HAUL_OK;
}

static haul_rc note_damage(haul_catalog *c, const json_t *source, const json_t *notice, haul_err *e)
{
    const char *name = text_of(source, "name");
    haul_exception x = {.kind = "damaged",
                        .issue = text_of(notice, "issue"),
                        .detail = text_of(notice, "detail"),
                        .disposition = "what could be read is in the package"};
    if (strcmp(text_of(notice, "severity"), haul_severity_name(HAUL_DAMAGE)) != 0 ||
        strcmp(text_of(notice, "source"), name) != 0)
        return HAUL_OK;
    return note(c, source, x, e);
}

haul_rc haul_losses_note(haul_catalog *c, const json_t *report, haul_err *e)
{
    size_t i = 0, k = 0;
    json_t *source = NULL, *notice = NULL;
    haul_rc rc = HAUL_OK;
    json_array_foreach(json_object_get(report, "sources"), i, source)
    {
        rc = rc == HAUL_OK ? haul_catalog_drop_source(c, text_of(source, "name"), e) : rc;
        rc = rc == HAUL_OK ? note_error(c, source, e) : rc;
        json_array_foreach(json_object_get(report, "notices"), k, notice) rc =
            rc == HAUL_OK ? note_damage(c, source, notice, e) : rc;
    }
    return rc;
}

haul_rc haul_losses_copy(haul_catalog *c, const json_t *source, const char *detail, haul_err *e)
{
    haul_exception x = {.kind = "not-copied",
                        .issue = "",
                        .detail = detail,
                        .disposition =
                            "what was read of it is in the package; its copy is not, or not whole"};
    return note(c, source, x, e);
}
