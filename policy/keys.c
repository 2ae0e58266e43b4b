/*
 * The table of the policy language: type, section, key, kind of value, default. Everything that reads or
 * checks a file is driven by it.
 */

#include "policy/keys.h"

#include <string.h>

#include "base/macro.h"

#define KEY_REQUIRED .required = true
#define KEY_ANY      .may_be_any = true, .standard = "any"
#define KEY_OR_ANY   .may_be_any = true
#define KEY_TO(t)    .types = BIT(t)
/* Names of classes and organisations share one name space: a party is either. */
#define KEY_TO_PARTY .types = BIT(OBJECT_CLASS) | BIT(OBJECT_ORGANISATION)

/* The largest integer that a leaf can hold. */
#define KEY_LEAF_INTEGER_MAX ((INT64_C(1) << 53) - 1)

static const KeySpec allow_keys[] = {
        {KEY_DESCRIPTION, "Description", VALUE_TEXT, KEY_REQUIRED},
        {KEY_ORGANISATION, "Organisation", VALUE_REFERENCES, KEY_TO(OBJECT_ORGANISATION)},
        {KEY_CLASS, "Class", VALUE_REFERENCES, KEY_TO(OBJECT_CLASS)},
        {KEY_OPERATION, "Operation", VALUE_WORDS, KEY_REQUIRED, KEY_OR_ANY,
         .vocabulary = &vocabulary_operations},
        {KEY_PURPOSE, "Purpose", VALUE_REFERENCES, KEY_REQUIRED, KEY_OR_ANY, KEY_TO(OBJECT_PURPOSE)},
        {KEY_GALLERY, "Gallery", VALUE_REFERENCES, KEY_REQUIRED, KEY_OR_ANY, KEY_TO(OBJECT_GALLERY)},
        {KEY_SOUGHT, "Sought", VALUE_WORDS, KEY_OR_ANY, .vocabulary = &vocabulary_roles},
        {KEY_ON_BEHALF_OF, "OnBehalfOf", VALUE_REFERENCES, KEY_TO_PARTY},
        {KEY_RECIPIENT, "Recipient", VALUE_REFERENCES, KEY_TO_PARTY},
        {KEY_PROBE, "Probe", VALUE_WORDS, .standard = "photograph video-frame",
         .vocabulary = &vocabulary_probes},
        {KEY_REQUIRE, "Require", VALUE_WORDS, .vocabulary = &vocabulary_requirements},
        {KEY_FROM, "From", VALUE_TIME},
        {KEY_UNTIL, "Until", VALUE_TIME},
        {KEY_MINIMUM_SIMILARITY, "MinimumSimilarity", VALUE_SIMILARITY},
        {KEY_MAXIMUM_CANDIDATES, "MaximumCandidates", VALUE_NUMBER, .standard = "10", .least = 1,
         .most = 1000},
        {KEY_RELEASE, "Release", VALUE_CHOICE, .standard = "candidates", .vocabulary = &vocabulary_releases},
        {KEY_RATE, "Rate", VALUE_RATE},
};

static const KeySpec class_keys[] = {
        {KEY_DESCRIPTION, "Description", VALUE_TEXT, KEY_REQUIRED},
        {KEY_PARENT, "Parent", VALUE_REFERENCE, KEY_TO(OBJECT_CLASS)},
};

static const KeySpec gallery_keys[] = {
        {KEY_DESCRIPTION, "Description", VALUE_TEXT, KEY_REQUIRED},
        {KEY_MODEL, "Model", VALUE_MODEL, KEY_REQUIRED},
        {KEY_DIMENSION, "Dimension", VALUE_NUMBER, KEY_REQUIRED, .least = 16, .most = 4096},
        {KEY_KIND, "Kind", VALUE_CHOICE, .standard = "consolidated", .vocabulary = &vocabulary_gallery_kinds},
        {KEY_MAXIMUM_TEMPLATES, "MaximumTemplates", VALUE_NUMBER, .least = 1, .most = KEY_LEAF_INTEGER_MAX},
};

static const KeySpec invariant_keys[] = {
        {KEY_DESCRIPTION, "Description", VALUE_TEXT, KEY_REQUIRED},
        {KEY_NEVER, "Never", VALUE_CHOICE, KEY_REQUIRED, .vocabulary = &vocabulary_verdicts},
        {KEY_PARTY, "Party", VALUE_REFERENCES, KEY_ANY, KEY_TO_PARTY},
        {KEY_OPERATION, "Operation", VALUE_WORDS, KEY_ANY, .vocabulary = &vocabulary_operations},
        {KEY_PURPOSE, "Purpose", VALUE_REFERENCES, KEY_ANY, KEY_TO(OBJECT_PURPOSE)},
        {KEY_SOUGHT, "Sought", VALUE_WORDS, KEY_ANY, .vocabulary = &vocabulary_roles},
        {KEY_GALLERY, "Gallery", VALUE_REFERENCES, KEY_ANY, KEY_TO(OBJECT_GALLERY)},
        {KEY_FROM, "From", VALUE_TIME},
        {KEY_UNTIL, "Until", VALUE_TIME},
        {KEY_WHILE, "While", VALUE_REFERENCE, KEY_TO(OBJECT_MORATORIUM)},
};

static const KeySpec moratorium_keys[] = {
        {KEY_DESCRIPTION, "Description", VALUE_TEXT, KEY_REQUIRED},
        {KEY_DOCUMENTATION, "Documentation", VALUE_TEXT},
        {KEY_NOTICE, "Notice", VALUE_TEXT},
        {KEY_CLASS, "Class", VALUE_REFERENCES, KEY_REQUIRED, KEY_TO(OBJECT_CLASS)},
        {KEY_OPERATION, "Operation", VALUE_WORDS, KEY_ANY, .vocabulary = &vocabulary_operations},
        {KEY_PURPOSE, "Purpose", VALUE_REFERENCES, KEY_ANY, KEY_TO(OBJECT_PURPOSE)},
        {KEY_GALLERY, "Gallery", VALUE_REFERENCES, KEY_ANY, KEY_TO(OBJECT_GALLERY)},
        {KEY_FROM, "From", VALUE_TIME},
        {KEY_UNTIL, "Until", VALUE_TIME_OR_NOTICE, .standard = "further-notice"},
        {KEY_ON_EXPIRY, "OnExpiry", VALUE_CHOICE, .standard = "hold", .vocabulary = &vocabulary_expiries},
        {KEY_REVIEW_BY, "ReviewBy", VALUE_TIME},
        {KEY_EXCEPT, "Except", VALUE_REFERENCES, KEY_TO(OBJECT_ALLOW)},
};

static const KeySpec organisation_keys[] = {
        {KEY_DESCRIPTION, "Description", VALUE_TEXT, KEY_REQUIRED},
        {KEY_CLASS, "Class", VALUE_REFERENCES, KEY_REQUIRED, KEY_TO(OBJECT_CLASS)},
        {KEY_CONTACT, "Contact", VALUE_TEXT},
        {KEY_SPONSOR, "Sponsor", VALUE_TEXT},
        {KEY_FROM, "From", VALUE_TIME},
        {KEY_UNTIL, "Until", VALUE_TIME},
};

static const KeySpec peer_keys[] = {
        {KEY_USER, "User", VALUE_ACCOUNTS},
        {KEY_GROUP, "Group", VALUE_ACCOUNTS},
        {KEY_UNIT, "Unit", VALUE_UNITS},
        {KEY_SECURITY_LABEL, "SecurityLabel", VALUE_LABEL},
};

static const KeySpec purpose_keys[] = {
        {KEY_DESCRIPTION, "Description", VALUE_TEXT, KEY_REQUIRED},
        {KEY_PARENT, "Parent", VALUE_REFERENCE, KEY_TO(OBJECT_PURPOSE)},
};

static const KeySpec release_keys[] = {
        {KEY_MORATORIUM, "Moratorium", VALUE_REFERENCE, KEY_REQUIRED, KEY_TO(OBJECT_MORATORIUM)},
        {KEY_DIGEST, "Digest", VALUE_DIGEST, KEY_REQUIRED},
        {KEY_REASON, "Reason", VALUE_TEXT, KEY_REQUIRED},
};

static const KeySpec stand_down_keys[] = {
        {KEY_REASON, "Reason", VALUE_TEXT, KEY_REQUIRED},
        {KEY_ORGANISATION, "Organisation", VALUE_REFERENCES, KEY_ANY, KEY_TO(OBJECT_ORGANISATION)},
        {KEY_OPERATION, "Operation", VALUE_WORDS, KEY_ANY, .vocabulary = &vocabulary_operations},
        {KEY_PURPOSE, "Purpose", VALUE_REFERENCES, KEY_ANY, KEY_TO(OBJECT_PURPOSE)},
        {KEY_GALLERY, "Gallery", VALUE_REFERENCES, KEY_ANY, KEY_TO(OBJECT_GALLERY)},
};

#define SECTION(a_name, keys)                                                                                \
        {                                                                                                    \
                a_name, keys, ARRAY_SIZE(keys)                                                               \
        }

const TypeSpec type_specs[_OBJECT_MAX] = {
        [OBJECT_ALLOW] = {".allow", "allow", SECTION("Allow", allow_keys)},
        [OBJECT_CLASS] = {".class", "class", SECTION("Class", class_keys)},
        [OBJECT_GALLERY] = {".gallery", "gallery", SECTION("Gallery", gallery_keys)},
        [OBJECT_INVARIANT] = {".invariant", "invariant", SECTION("Invariant", invariant_keys)},
        [OBJECT_MORATORIUM] = {".moratorium", "moratorium", SECTION("Moratorium", moratorium_keys)},
        [OBJECT_ORGANISATION] = {".organisation", "organisation", SECTION("Organisation", organisation_keys),
                                 SECTION("Peer", peer_keys)},
        [OBJECT_PURPOSE] = {".purpose", "purpose", SECTION("Purpose", purpose_keys)},
        [OBJECT_RELEASE] = {".release", "release", SECTION("Release", release_keys)},
        [OBJECT_STAND_DOWN] = {".stand-down", "stand-down", SECTION("StandDown", stand_down_keys)},
};

bool key_is_list(const KeySpec *spec)
{
        return spec->kind >= VALUE_WORDS;
}

const KeySpec *section_key(const SectionSpec *section, const char *name)
{
        for (size_t i = 0; i < section->n_keys; i++)
                if (strcmp(section->keys[i].name, name) == 0)
                        return &section->keys[i];
        return NULL;
}

int type_from_suffix(const char *suffix)
{
        for (int type = 0; type < _OBJECT_MAX; type++)
                if (strcmp(type_specs[type].suffix, suffix) == 0)
                        return type;
        return -1;
}
