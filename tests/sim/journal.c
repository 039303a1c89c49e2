/* The coordinator's journal, made up: what is written is durable a while later, in order, and a
 * crash takes what is not. */
#include "tests/sim/check.h"

#include "common/base/assert.h"

#include <stdio.h>
#include <string.h>

struct sim_record *sim_record(struct sim_world *world, const struct lockstep_id *operation)
{
    struct sim_coordinator *coordinator = &world->coordinator;
    for (uint32_t i = 0; i < coordinator->record_count; i++) {
        if (lockstep_id_equal(&coordinator->records[i].operation.id, operation)) {
            return &coordinator->records[i];
        }
    }
    return NULL;
}

/* ---- rows ----------------------------------------------------------------------------------- */

static void copy_parts(struct sim_record *record, const struct lockstep_operation *operation)
{
    size_t starts = (size_t)operation->part_count * operation->item_count;
    record->operation = *operation;
    memcpy(record->parts, operation->parts, operation->part_count * sizeof(*operation->parts));
    memcpy(record->starts, operation->starts, starts * sizeof(*operation->starts));
}

/* Which rows may follow which. */
static bool row_follows(enum lockstep_row from, enum lockstep_row to)
{
    static const uint8_t after[] = {
        [LOCKSTEP_ROW_NONE] = 1 << LOCKSTEP_ROW_OPEN,
        [LOCKSTEP_ROW_OPEN] = 1 << LOCKSTEP_ROW_ABORT | 1 << LOCKSTEP_ROW_COMMIT,
        [LOCKSTEP_ROW_ABORT] = 0,
        [LOCKSTEP_ROW_COMMIT] = 1 << LOCKSTEP_ROW_SUCCEEDED | 1 << LOCKSTEP_ROW_DEGRADED |
                                1 << LOCKSTEP_ROW_SETTLED,
        [LOCKSTEP_ROW_SUCCEEDED] = 1 << LOCKSTEP_ROW_FINAL | 1 << LOCKSTEP_ROW_DEGRADED |
                                   1 << LOCKSTEP_ROW_SETTLED,
        [LOCKSTEP_ROW_DEGRADED] = 1 << LOCKSTEP_ROW_SETTLED,
        [LOCKSTEP_ROW_SETTLED] = 1 << LOCKSTEP_ROW_SETTLED,
        [LOCKSTEP_ROW_FINAL] = 0,
    };
    return (after[from] & 1U << to) != 0;
}

static struct sim_record *add_record(struct sim_world *world,
                                     const struct lockstep_operation *operation)
{
    struct sim_coordinator *coordinator = &world->coordinator;
    if (coordinator->record_count == SIM_OPERATIONS) {
        sim_fail(world, "the made-up journal is full");
        return NULL;
    }
    sim_check_open(world, operation);
    return memset(&coordinator->records[coordinator->record_count++], 0, sizeof(struct sim_record));
}

/* With what has become of each node by then. */
static void note_row(struct sim_world *world, const struct lockstep_operation *operation,
                     enum lockstep_row row)
{
    char text[200] = "";
    size_t length = 0;
    for (uint32_t i = 0; i < operation->part_count && length < sizeof(text) - 24; i++) {
        length += (size_t)snprintf(text + length, sizeof(text) - length, " n%u %s",
                                   operation->parts[i].node,
                                   lockstep_part_name(operation->parts[i].state));
    }
    sim_note(world, "op %02x: row %s:%s", operation->id.bytes[0], lockstep_row_text(row), text);
}

static void write_row(struct sim_world *world, const struct sim_write *write,
                      const struct lockstep_operation *operation, enum lockstep_row row)
{
    struct sim_coordinator *coordinator = &world->coordinator;
    struct sim_record *record = sim_record(world, &operation->id);
    record = record == NULL ? add_record(world, operation) : record;
    if (record == NULL) {
        return;
    }
    if (!row_follows(record->row, row)) {
        sim_fail(world, "row %s follows %s", lockstep_row_text(row),
                 lockstep_row_text(record->row));
    }
    note_row(world, operation, row);
    copy_parts(record, operation);
    record->row = row;
    coordinator->sequence = write->sequence;
    memcpy(coordinator->generations, write->generations, sizeof(write->generations));
    if (row == LOCKSTEP_ROW_SUCCEEDED) {
        sim_check_called(world, record);
    }
    if (row == LOCKSTEP_ROW_SETTLED) {
        sim_check_settled(world, record);
    }
    if (row == LOCKSTEP_ROW_COMMIT) {
        record->committed_at = (uint32_t)operation->sequence;
        sim_check_commit(world, record);
        sim_quarantine(world, operation);
    }
}

/* ---- writing -------------------------------------------------------------------------------- */

static struct lockstep_operation *copy_of(const struct lockstep_operation *operation)
{
    struct lockstep_operation *copy = sim_operation_new();
    struct lockstep_part *parts = copy->parts;
    struct lockstep_digest *starts = copy->starts;
    struct lockstep_operation *spare = copy->spare;
    size_t count = (size_t)operation->part_count * operation->item_count;
    *copy = *operation;
    copy->parts = memcpy(parts, operation->parts, operation->part_count * sizeof(*parts));
    copy->starts = memcpy(starts, operation->starts, count * sizeof(*starts));
    copy->spare = spare;
    return copy;
}

void sim_journal_write(struct sim_world *world, const struct lockstep_operation *operation,
                       enum lockstep_row row, const struct lockstep_operation *child)
{
    struct sim_coordinator *coordinator = &world->coordinator;
    uint64_t delay = world->calm || sim_chance(world, 95) ? sim_between(world, 0, 8)
                                                          : sim_between(world, 8, 400);
    struct sim_write *write = &coordinator->writes[coordinator->write_count];
    ASSERT(coordinator->write_count < SIM_WRITES);
    coordinator->write_count++;
    *write = (struct sim_write){.row = row,
                                .operation = copy_of(operation),
                                .child = child == NULL ? NULL : copy_of(child),
                                .sequence = coordinator->fleet.sequence};
    for (uint32_t i = 0; i < coordinator->fleet.module_count; i++) {
        write->generations[sim_module_index(&coordinator->modules[i].name)] =
            coordinator->modules[i].generation;
    }
    if (coordinator->written < world->now + delay) {
        coordinator->written = world->now + delay;
    }
    sim_schedule(world, coordinator->written - world->now,
                 &(struct sim_event){.type = SIM_WRITTEN, .incarnation = coordinator->incarnation});
}

static void make_durable(struct sim_world *world, struct sim_write *write)
{
    struct sim_record *record = sim_record(world, &write->operation->id);
    if (write->durable) {
        return;
    }
    write->durable = true;
    if (write->row != LOCKSTEP_ROW_NONE) {
        write_row(world, write, write->operation, write->row);
        sim_desired_write(world, write->operation, write->row, write->child);
    } else if (record != NULL) {
        copy_parts(record, write->operation);
    }
    if (write->child != NULL) {
        write_row(world, write, write->child, LOCKSTEP_ROW_OPEN);
    }
}

static void forget(struct sim_write *write)
{
    sim_operation_free(write->operation);
    sim_operation_free(write->child);
}

bool sim_journal_written(struct sim_world *world, struct lockstep_id *ret_operation)
{
    struct sim_coordinator *coordinator = &world->coordinator;
    bool row;
    ASSERT(coordinator->write_count > 0);
    row = coordinator->writes[0].row != LOCKSTEP_ROW_NONE;
    *ret_operation = coordinator->writes[0].operation->id;
    make_durable(world, &coordinator->writes[0]);
    forget(&coordinator->writes[0]);
    coordinator->write_count--;
    memmove(&coordinator->writes[0], &coordinator->writes[1],
            coordinator->write_count * sizeof(coordinator->writes[0]));
    return row;
}

void sim_journal_write_owed(struct sim_world *world, const struct lockstep_replacement *replacement)
{
    struct sim_coordinator *coordinator = &world->coordinator;
    for (uint32_t i = 0; i < coordinator->write_count; i++) {
        make_durable(world, &coordinator->writes[i]);
    }
    for (size_t i = 0; i < replacement->owed_count; i++) {
        const struct lockstep_operation *operation = lockstep_fleet_operation(
            &coordinator->fleet, &replacement->owed[i]);
        if (operation != NULL) {
            copy_parts(sim_record(world, &operation->id), operation);
        }
    }
}

void sim_journal_crash(struct sim_world *world)
{
    struct sim_coordinator *coordinator = &world->coordinator;
    uint64_t kept = sim_between(world, 0, coordinator->write_count);
    for (uint32_t i = 0; i < coordinator->write_count; i++) {
        if (i < kept) {
            make_durable(world, &coordinator->writes[i]);
        }
        forget(&coordinator->writes[i]);
    }
    coordinator->write_count = 0;
    coordinator->written = 0;
}
