#include "coordinator/store_schema.h"

const char *const lockstep_store_migrations[] = {
    "CREATE TABLE meta("
    "  one INTEGER PRIMARY KEY CHECK(one = 1), cluster BLOB NOT NULL,"
    "  epoch INTEGER NOT NULL, sequence INTEGER NOT NULL, changes INTEGER NOT NULL);"
    "CREATE TABLE bundle(version INTEGER PRIMARY KEY, text BLOB NOT NULL);"
    "CREATE TABLE node("
    "  number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, key BLOB NOT NULL UNIQUE,"
    "  labels TEXT NOT NULL, journal BLOB NOT NULL, member INTEGER NOT NULL,"
    "  revoked INTEGER NOT NULL, enrolled INTEGER NOT NULL);"
    "CREATE TABLE live("
    "  node INTEGER NOT NULL, module TEXT NOT NULL, generation INTEGER NOT NULL,"
    "  digest BLOB NOT NULL, PRIMARY KEY(node, module)) WITHOUT ROWID;"
    "CREATE TABLE token("
    "  id BLOB PRIMARY KEY, psk BLOB NOT NULL, node TEXT NOT NULL, labels TEXT NOT NULL,"
    "  expires INTEGER NOT NULL, used INTEGER NOT NULL, failures INTEGER NOT NULL,"
    "  who TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE module(name TEXT PRIMARY KEY, generation INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE desired("
    "  node INTEGER NOT NULL, module TEXT NOT NULL, digest BLOB NOT NULL, previous BLOB NOT NULL,"
    "  operation BLOB NOT NULL, pin INTEGER NOT NULL, PRIMARY KEY(node, module)) WITHOUT ROWID;"
    "CREATE TABLE artifact("
    "  digest BLOB PRIMARY KEY, md5 BLOB NOT NULL, module TEXT NOT NULL, service TEXT NOT NULL,"
    "  version TEXT NOT NULL, counter INTEGER NOT NULL, size INTEGER NOT NULL,"
    "  state_schema INTEGER NOT NULL, pushed INTEGER NOT NULL, who TEXT NOT NULL,"
    "  UNIQUE(module, version)) WITHOUT ROWID;"
    "CREATE TABLE quarantine("
    "  digest BLOB PRIMARY KEY, why TEXT NOT NULL, since INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE operation("
    "  id BLOB PRIMARY KEY, text TEXT NOT NULL, number INTEGER NOT NULL UNIQUE,"
    "  parent BLOB NOT NULL, kind INTEGER NOT NULL, strategy INTEGER NOT NULL,"
    "  row INTEGER NOT NULL, result INTEGER NOT NULL, idle INTEGER NOT NULL,"
    "  sequence INTEGER NOT NULL, roster BLOB NOT NULL, options BLOB NOT NULL,"
    "  cause_no INTEGER NOT NULL, cause_node INTEGER NOT NULL, cause_state INTEGER NOT NULL,"
    "  cause_text TEXT NOT NULL, request BLOB NOT NULL, signer TEXT NOT NULL,"
    "  message TEXT NOT NULL, extra TEXT NOT NULL, signature BLOB NOT NULL, intent BLOB NOT NULL,"
    "  opened INTEGER NOT NULL, decided INTEGER NOT NULL, live INTEGER NOT NULL,"
    "  ended INTEGER NOT NULL);"
    "CREATE INDEX operation_text ON operation(text);"
    "CREATE TABLE item("
    "  operation BLOB NOT NULL, place INTEGER NOT NULL, module TEXT NOT NULL,"
    "  generation INTEGER NOT NULL, digest BLOB NOT NULL, leaving BLOB NOT NULL,"
    "  PRIMARY KEY(operation, place)) WITHOUT ROWID;"
    "CREATE INDEX item_module ON item(module);"
    "CREATE TABLE part("
    "  operation BLOB NOT NULL, place INTEGER NOT NULL, node INTEGER NOT NULL,"
    "  state INTEGER NOT NULL, no INTEGER NOT NULL, text TEXT NOT NULL, starts BLOB NOT NULL,"
    "  PRIMARY KEY(operation, place)) WITHOUT ROWID;"
    "CREATE TABLE audit("
    "  sequence INTEGER PRIMARY KEY, time INTEGER NOT NULL, who TEXT NOT NULL,"
    "  what TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL, hash BLOB NOT NULL);",
    "ALTER TABLE module ADD COLUMN placement TEXT;"
    "ALTER TABLE operation ADD COLUMN placement TEXT;",
    "ALTER TABLE desired ADD COLUMN has_previous INTEGER NOT NULL DEFAULT 0;"
    "UPDATE desired SET has_previous = previous <> zeroblob(32);"
    "DELETE FROM desired WHERE digest = zeroblob(32);"
    "ALTER TABLE module ADD COLUMN placement_before TEXT;"
    "ALTER TABLE module ADD COLUMN placement_by BLOB;",
    "ALTER TABLE token ADD COLUMN revoked INTEGER NOT NULL DEFAULT 0;",
    "ALTER TABLE node ADD COLUMN cordoned INTEGER NOT NULL DEFAULT 0;",
    "CREATE TABLE event("
    "  sequence INTEGER PRIMARY KEY, time INTEGER NOT NULL, audit INTEGER NOT NULL,"
    "  what TEXT NOT NULL, subject TEXT NOT NULL, modules TEXT NOT NULL, text TEXT NOT NULL);"
    "INSERT INTO event SELECT row_number() OVER (ORDER BY sequence), time, sequence, '', '', '', ''"
    "  FROM (SELECT sequence, time FROM audit ORDER BY sequence DESC LIMIT 10000);",
    "ALTER TABLE desired ADD COLUMN after BLOB NOT NULL DEFAULT "
    "x'0000000000000000000000000000000000000000000000000000000000000000';",
    /* A name may come back with another key, and a key that was removed with another number. */
    "CREATE TABLE nodes("
    "  number INTEGER PRIMARY KEY, name TEXT NOT NULL, key BLOB NOT NULL, labels TEXT NOT NULL,"
    "  journal BLOB NOT NULL, member INTEGER NOT NULL, revoked INTEGER NOT NULL,"
    "  enrolled INTEGER NOT NULL, cordoned INTEGER NOT NULL DEFAULT 0);"
    "INSERT INTO nodes SELECT number, name, key, labels, journal, member, revoked, enrolled, "
    "cordoned FROM node;"
    "DROP TABLE node;"
    "ALTER TABLE nodes RENAME TO node;"
    "CREATE UNIQUE INDEX node_name ON node(name) WHERE revoked = 0;"
    "CREATE UNIQUE INDEX node_key ON node(key) WHERE revoked < 2;",
    "ALTER TABLE node ADD COLUMN fenced INTEGER NOT NULL DEFAULT 0;",
    "CREATE TABLE waiting_key("
    "  node INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, token BLOB NOT NULL,"
    "  address TEXT NOT NULL, since INTEGER NOT NULL);"
    "CREATE TABLE dead_key("
    "  key BLOB PRIMARY KEY, node INTEGER NOT NULL, refused INTEGER NOT NULL,"
    "  since INTEGER NOT NULL) WITHOUT ROWID;",
    /* What is done about drift without being asked; and under which order an operation was opened
     * so. */
    "CREATE TABLE reconcile("
    "  one INTEGER PRIMARY KEY CHECK(one = 1), mode INTEGER NOT NULL, standing BLOB NOT NULL,"
    "  signature BLOB NOT NULL, signer TEXT NOT NULL, since INTEGER NOT NULL);"
    "ALTER TABLE operation ADD COLUMN standing BLOB NOT NULL DEFAULT "
    "x'00000000000000000000000000000000';",
    /* Who was told COMMIT has to go back with the others, also if it is owed the version again. */
    "ALTER TABLE part ADD COLUMN told INTEGER NOT NULL DEFAULT 0;",
};

const size_t lockstep_store_migration_count = sizeof(lockstep_store_migrations) /
                                              sizeof(lockstep_store_migrations[0]);
