#include "coordinator/core/states.h"

#include "common/base/attr.h"

#include <stddef.h>

/* The string at INDEX of a table, or NULL. */
static const char *at(const char *const *table, size_t count, unsigned index)
{
    return index < count ? table[index] : NULL;
}

#define AT(table, index) at((table), LOCKSTEP_COUNT(table), (index))

static const char *const state_names[] = {
#define STATE_NAME(number, name, word) [number] = #name,
    LOCKSTEP_OPERATION_STATE_TABLE(STATE_NAME)
#undef STATE_NAME
};

static const char *const state_words[] = {
#define STATE_WORD(number, name, word) [number] = (word),
    LOCKSTEP_OPERATION_STATE_TABLE(STATE_WORD)
#undef STATE_WORD
};

static const char *const event_names[] = {
#define EVENT_NAME(number, name, text) [number] = #name,
    LOCKSTEP_OPERATION_EVENT_TABLE(EVENT_NAME)
#undef EVENT_NAME
};

static const char *const part_names[] = {
#define PART_NAME(number, name, word, text) [number] = #name,
    LOCKSTEP_PART_STATE_TABLE(PART_NAME)
#undef PART_NAME
};

static const char *const part_words[] = {
#define PART_WORD(number, name, word, text) [number] = (word),
    LOCKSTEP_PART_STATE_TABLE(PART_WORD)
#undef PART_WORD
};

static const char *const result_words[] = {
#define RESULT_WORD(number, name, word) [number] = (word),
    LOCKSTEP_RESULT_TABLE(RESULT_WORD)
#undef RESULT_WORD
};

static const char *const row_texts[] = {
#define ROW_TEXT(number, name, text) [number] = (text),
    LOCKSTEP_ROW_TABLE(ROW_TEXT)
#undef ROW_TEXT
};

const char *lockstep_operation_state_name(unsigned state)
{
    return AT(state_names, state);
}

const char *lockstep_operation_state_word(unsigned state)
{
    return AT(state_words, state);
}

const char *lockstep_operation_event_name(unsigned event)
{
    return AT(event_names, event);
}

const char *lockstep_part_name(unsigned state)
{
    return AT(part_names, state);
}

const char *lockstep_part_word(unsigned state)
{
    return AT(part_words, state);
}

const char *lockstep_result_word(unsigned result)
{
    return AT(result_words, result);
}

const char *lockstep_row_text(unsigned row)
{
    return AT(row_texts, row);
}
