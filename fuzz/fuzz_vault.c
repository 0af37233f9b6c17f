/* Metadata of Vault exports of any octets: first octet "c" for CSV, else XML. What was read is asked for. */
#include "fuzz.h"

#include "mbox_vault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static haul_msg *m;
    char wrong[HAUL_VAULT_WRONG] = "";
    haul_status s = {0};
    if (!n)
        return 0;
    haul_auto(haul_vault) *v = haul_vault_new();
    haul_auto(haul_in) *in = haul_in_from_mem(data + 1, n - 1, n % 7 + 1);
    if (*data == 'c')
        haul_vault_read_csv(v, in, wrong);
    else
        haul_vault_read_xml(v, in, wrong);
    check(strlen(wrong) < HAUL_VAULT_WRONG);
    m = m ? m : haul_msg_new();
    haul_msg_reset(m);
    m->message_id = "<1@x>";
    haul_vault_apply(v, (haul_span){"12-aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee.mbox", 44}, m, &s);
    check(!s.n_labels || s.known);
    haul_status_done(&s);
    return 0;
}
