/*
 * What the four frameworks ask to be kept, as far as a log line shows it. Patterns ignore case.
 * They ask for the subject and, where the subject is an ordinary word, for what was done to it:
 * an ordinary operations log must not fire.
 */
#include "classify/compliance_table.h"

#define DONE_TO_DATA                                                                               \
    "(?:access|view|read|export|download|print|copi|copy|disclos|modif|updat|chang|delet|eras|"    \
    "transfer|breach|expos|leak|decrypt|retriev|quer)\\w{0,4}"
#define CARD "(?:credit|debit|payment)[ _-]?cards?(?:[ _-](?:data|numbers?|details|information))?"
#define DONE_TO_CARD                                                                               \
    "(?:access|view|export|stor|decrypt|expos|retriev|charg|declin|tokeniz|tokenis|authoriz|"      \
    "authoris|transact|process|refund)\\w{0,5}"
#define PATIENT                                                                                    \
    "patients?(?:'s)?[ _-](?:medical[ _-]|health[ _-])?(?:records?|charts?|data|files?|"           \
    "information|history|id|identifiers?|names?)"
#define LEDGER                                                                                     \
    "(?:general[ _-]ledger|gl[ _-]accounts?|ledger[ _-](?:entry|entries|accounts?|balances?)|"     \
    "chart of accounts|financial[ _-](?:statements?|reports?|records?|data|ledgers?))"
#define BOOKED                                                                                     \
    "(?:access|export|post|creat|modif|chang|adjust|delet|revers|approv|updat|overrid|overrod|"    \
    "void|restat)\\w{0,5}"
#define PERSONAL "(?:personal(?:ly[ -]identifiable)?[ _-](?:data|information)|PII)"

const compliance_entry compliance_table[] = {
    {"PCI-DSS",
     "card_number",
     {"(?:\\b|_)(?:credit|debit|payment)?[ _-]?card[ _-]?(?:no|num|number|id|pan)?\\b"
      "[^0-9]{0,40}\\d{14,19}",
      "(?:\\b|_)(?:pan|ccn|cc_?num(?:ber)?|visa|master ?card|amex|maestro|"
      "primary account number)\\b[^0-9]{0,40}\\d{14,19}",
      "\\b\\d{4}([ -])\\d{4}[ -]\\d{4}[ -]\\d{4}\\b", "\\b3\\d{3}[ -]\\d{6}[ -]\\d{4,5}\\b"},
     {NULL},
     true},
    {"PCI-DSS",
     "magnetic_stripe_data",
     {"%?B\\d{13,19}\\^[^\\^\\n]{2,26}\\^\\d{7}", ";\\d{13,19}=\\d{7}"},
     {NULL},
     false},
    {"PCI-DSS",
     "card_verification_value",
     {"(?:\\b|_)(?:cvv2?|cvc2?|card[ _-]verification(?:[ _-](?:value|code|number))?)[\"']?"
      "\\s{0,3}[:=]\\s{0,3}[\"']?\\d{3,4}\\b"},
     {NULL},
     false},
    {"PCI-DSS",
     "cardholder_data",
     {"\\bcard ?holder[ _-](?:data|records?|information|environment)\\b", "\\bPCI[ -]DSS\\b",
      "\\b" CARD "\\b.{0,60}\\b" DONE_TO_CARD "\\b", "\\b" DONE_TO_CARD "\\b.{0,40}\\b" CARD "\\b"},
     {NULL},
     false},
    {"PCI-DSS",
     "pci_source",
     {NULL},
     {"(?:^|[^a-z0-9])(?:pci[-_.]?dss|pci[-_.][a-z0-9]+|[a-z0-9]+[-_.]pci|cardholder)"
      "(?:[^a-z0-9]|$)"},
     false},
    {"HIPAA",
     "protected_health_information",
     {"\\be-?PHI\\b", "\\bprotected health information\\b", "\\bHIPAA\\b",
      "\\bPHI\\b.{0,40}\\b" DONE_TO_DATA "\\b", "\\b" DONE_TO_DATA "\\b.{0,20}\\bPHI\\b"},
     {NULL},
     false},
    {"HIPAA",
     "patient_record_access",
     {"\\b" PATIENT "\\b.{0,80}\\b" DONE_TO_DATA "\\b",
      "\\b" DONE_TO_DATA "\\b.{0,60}\\b" PATIENT "\\b",
      "\\b(?:medical|health|clinical)[ _-]records?\\b.{0,60}\\b" DONE_TO_DATA "\\b",
      "\\b" DONE_TO_DATA "\\b.{0,60}\\b(?:medical|health|clinical)[ _-]records?\\b",
      "\\b(?:MRN|medical record number)\\b[\"']?[ :#=]{1,3}[\"']?[A-Z]{0,3}\\d{5}"},
     {NULL},
     false},
    {"HIPAA", "hl7_message", {"\\bMSH\\|\\^~\\\\&"}, {NULL}, false},
    {"HIPAA", "hipaa_source", {NULL}, {"(?:^|[^a-z0-9])(?:hipaa|ephi|ehr)(?:[^a-z0-9]|$)"}, false},
    {"SOX",
     "financial_ledger_change",
     {"\\b" LEDGER "\\b.{0,80}\\b" BOOKED "\\b", "\\b" BOOKED "\\b.{0,60}\\b" LEDGER "\\b",
      "\\bjournal[ _-]entr(?:y|ies)\\b.{0,60}\\b(?:posted|reversed|approved|adjusted)\\b",
      "\\b(?:posted|reversed|approved|adjusted)\\b.{0,40}\\bjournal[ _-]entr(?:y|ies)\\b",
      "\\baccounts? (?:payable|receivable)\\b.{0,60}\\b" BOOKED "\\b"},
     {NULL},
     false},
    {"SOX",
     "sox_control",
     {"\\bSarbanes[ -]Oxley\\b", "\\bSOX[ -](?:audit|control|compliance|violation|report)",
      "\\bsegregation of duties\\b"},
     {NULL},
     false},
    {"SOX",
     "sox_source",
     {NULL},
     {"(?:^|[^a-z0-9])(?:sox[-_.](?:audit|control|compliance)[a-z0-9]*|general[-_.]?ledger)"
      "(?:[^a-z0-9]|$)"},
     false},
    {"GDPR",
     "personal_data_processing",
     {"\\b" PERSONAL "\\b.{0,80}\\b" DONE_TO_DATA "\\b",
      "\\b" DONE_TO_DATA "\\b.{0,60}\\b" PERSONAL "\\b", "\\bGDPR\\b"},
     {NULL},
     false},
    {"GDPR",
     "data_subject_request",
     {"\\bdata[ _-]subject\\b", "\\bsubject access request\\b", "\\bDSAR\\b",
      "\\bright (?:to be forgotten|(?:to|of) (?:erasure|rectification|data portability))\\b",
      "\\b(?:data|account) (?:erasure|portability) request\\b"},
     {NULL},
     false},
    {"GDPR",
     "consent_withdrawn",
     {"\\bconsent\\b.{0,30}\\b(?:withdrawn|withdrew|revoked)\\b"},
     {NULL},
     false},
    {"GDPR", "gdpr_source", {NULL}, {"(?:^|[^a-z0-9])(?:gdpr|dsar)(?:[^a-z0-9]|$)"}, false},
};
const size_t compliance_table_count = sizeof compliance_table / sizeof compliance_table[0];
