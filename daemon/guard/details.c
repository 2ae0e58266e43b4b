/*
 * Which details are meant. Pure; run by the guard's loop. Children check the same; they are not believed.
 */

#include "guard/details.h"

#include <string.h>

#include "base/text.h"
#include "wire/leaf.h"

static bool details_of_request(const CallMessage *message, TrailSelection *selection)
{
        return text_from_hex(message->request, strlen(message->request), selection->request,
                             sizeof(selection->request));
}

const char *details_selection(const CallMessage *message, uint64_t size, TrailSelection *ret_selection)
{
        TrailSelection selection = {.of = message->details_of, .end = size};

        switch (selection.of) {
        case DETAILS_OF_REQUEST:
                if (!details_of_request(message, &selection))
                        return "request";
                break;
        case DETAILS_OF_LEAF:
                if (message->index > LEAF_NUMBER_MAX)
                        return "index";
                selection.index = message->index;
                break;
        case DETAILS_OF_SUBJECT:
                if (!text_is_subject(message->subject, strlen(message->subject)))
                        return "subject";
                selection.subject = message->subject;
                break;
        case DETAILS_BY_AGE:
                if (message->days == 0 || message->days > TEXT_DAYS_MAX)
                        return "olderThanDays";
                break;
        case _DETAILS_OF_MAX:
        default:
                return "request";
        }
        *ret_selection = selection;
        return NULL;
}

bool details_reason_fits(const char *reason)
{
        size_t n = strlen(reason);

        for (const unsigned char *c = (const unsigned char *)reason; *c; c++)
                if (*c < 0x20 || *c == 0x7f || (c[0] == 0xc2 && c[1] < 0xa0))
                        return false;
        return n > 0 && n <= MESSAGE_TEXT_MAX && text_is_utf8(reason, n);
}
