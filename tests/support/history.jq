# What a fleet went through, judged from outside. For jq -n -r, with these:
#
#   $asked       what operators asked: {id, strategy, exit, deadline_ms}
#   $operations  documents of `op show`
#   $events      documents of `events`
#   $served      what answered callers: {node, thread, module, generation, version, unix_ms}, by time
#   $calls       what callers counted: {calls, lost, failed, wrong, mixed}
#   $slack_ms    how much later than its deadline an operation may end: what a stopped coordinator
#                slept, and what a busy machine takes
#
# Each line is a violation; none is a history that holds.

def key: "\(.module) \(.generation)";

# Under which operations each module's generation went.
def by_generation:
    reduce ($operations[] | . as $op | .items[] | {key: key, op: $op, item: .}) as $row
        ({}; .[$row.key] += [$row]);

def committed($events_of): any($events_of[.short][]?; .what == "operation.COMMIT");

# ---- the rules ----

def one_decision($events_of):
    $operations[] | . as $op
    | ([$events_of[.short][]? | .what] | map(select(IN("operation.COMMIT", "operation.ABORT")))) as $made
    | if ($made | length) > 1 then "\(.short): decided more than once: \($made | join(", "))"
      elif .result == "aborted" and $made != ["operation.ABORT"] then
          "\(.short): aborted, and its decision is \($made | join(", "))"
      elif (.result | IN("succeeded", "succeeded-partial", "rolled-back", "failed-mixed"))
          and $made != ["operation.COMMIT"] then
          "\(.short): \(.result), and its decision is \($made | join(", "))"
      else empty end;

# When operations stood still, because it might have been the coordinator who was cut off.
def pauses:
    reduce ($events[] | select(.text // "" | startswith("isolated:"))) as $row
        ([]; if $row.what == "alarm.raised" then . + [{from: $row.unix_ms, to: infinite}]
             else .[-1].to = $row.unix_ms end);

def paused_ms($pauses):
    .times as $times
    | [$pauses[] | ([.to, $times.ended_unix_ms] | min) - ([.from, $times.opened_unix_ms] | max)
        | select(. > 0)] | add // 0;

def every_operation_ends:
    pauses as $pauses |
    (reduce $asked[] as $row ({}; .[$row.id] = $row)) as $asked_of
    | $operations[] | . as $op | $asked_of[.id] as $row
    | if .result == null or .times.ended_unix_ms == null then "\(.short): never ended: \(.state)"
      elif $row.deadline_ms != null
          and .times.ended_unix_ms - .times.opened_unix_ms - paused_ms($pauses)
              > $row.deadline_ms + $slack_ms then
          "\(.short): ended after \(.times.ended_unix_ms - .times.opened_unix_ms) ms"
      else empty end;

# No strategy makes itself weaker: a quorum is of the roster, a sync_all is all of it.
def enough_agreed:
    $operations[] | select(.kind == "reload" and (.result | IN("succeeded", "succeeded-partial")))
    | (if .strategy == "quorum" then .n / 2 | floor + 1 else .n end) as $least
    | select((.counts.healthy // 0) < $least)
    | "\(.short): \(.result) with \(.counts.healthy // 0) of \(.n), \(.strategy)";

# What a node answers with was brought to it, as this version, by an operation that committed.
def served_was_committed($events_of):
    by_generation as $by
    | $served[] | . as $seen | ($by[key] // []) as $rows
    | "\(.node) served \(.module)@\(.version) generation \(.generation)" as $text
    | if $rows == [] then "\($text), which no operation brought"
      elif ($rows | any(.op | committed($events_of)) | not) then
          "\($text), of \($rows[0].op.short), which did not commit"
      elif ($rows | any(.[].op.parts[]; .node == $seen.node) | not) then
          "\($text), of \($rows[0].op.short), in which it had no part"
      elif ($rows | any(.item.version == null or .item.version == $seen.version) | not) then
          "\($text), and that is \($rows[0].item.version)"
      else empty end;

def generations_rise:
    $served | group_by([.node, .thread, .module])[]
    | . as $rows | range(1; length)
    | select($rows[.].generation <= $rows[. - 1].generation)
    | "\($rows[.].node): \($rows[.].module) generation \($rows[.].generation) after \($rows[. - 1].generation)";

# Nobody is behind when a sync_all has succeeded: on each node somebody has met it, or a later one.
def all_or_none:
    (reduce $served[] as $row ({}; .["\($row.node) \($row.module)"] += [$row])) as $of
    | (reduce $asked[] as $row ({}; .[$row.id] = true)) as $asked_for # there were callers by then
    | $operations[] | select(.strategy == "sync_all" and .kind == "reload" and .result == "succeeded")
    | select($asked_for[.id])
    | . as $op | .items[] as $item | .parts[].node as $node
    | select(any($of["\($node) \($item.module)"][]?; .generation >= $item.generation
            and .unix_ms <= $op.times.ended_unix_ms + 1000) | not)
    | "\($op.short): succeeded on all, and \($node) did not serve \($item.module) generation \($item.generation)";

def results_of_exit:
    {"0": ["succeeded", "succeeded-partial"], "6": ["aborted", "rolled-back"],
     "7": ["failed-mixed", "rolled-back"], "4": [null], "5": [null]};

# What the command said is what is found afterwards. 9, 124 and 130 say that it does not know.
def acknowledged_is_found:
    (reduce $operations[] as $op ({}; .[$op.id] = $op)) as $found
    | $asked[] | . as $row | results_of_exit["\(.exit)"] as $wanted
    | if (.exit | IN(9, 124, 130)) then empty
      elif $wanted == null then "\(.id): asked for, and the command ended with \(.exit)"
      elif ($found[.id].result | IN($wanted[]) | not) then
          "\(.id): the command ended with \(.exit), and its result is \($found[.id].result)"
      else empty end;

def no_call_is_lost:
    $calls[] | select(.calls == 0 or .lost + .failed + .wrong + .mixed > 0)
    | "callers: \(.calls) calls, \(.lost) lost, \(.failed) failed, \(.wrong) wrong, \(.mixed) mixed";

($events | map(select(.operation != null)) | group_by(.operation)
    | map({key: .[0].operation, value: .}) | from_entries) as $events_of
| one_decision($events_of), every_operation_ends, enough_agreed, served_was_committed($events_of), generations_rise,
  all_or_none, acknowledged_is_found, no_call_is_lost
