# A quorum does without the machine that is replaced, as long as it is one; the new one is owed.
> fleet 4
> join n0
ready n0
> join n1
ready n1
> join n2
ready n2
> join n3
ready n3
> open op1 quorum version=v2
ADMITTED: 4 of 4 reachable, need 3
write op1 OPEN
op1 is preparing
> replace n3
op1 is preparing
> written op1
send n0 op1 PREPARE v2
send n1 op1 PREPARE v2
send n2 op1 PREPARE v2
op1 is preparing
> n0 yes op1
op1 is preparing
> n1 yes op1
op1 is preparing
# The new one comes in time, and has a vote.
> join n3 journal=2 runs=unknown
ready n3
send n3 op1 PREPARE v2
> n3 yes op1
op1 is preparing
> replace n3
op1 is preparing
> n2 yes op1
write op1 COMMIT
op1 is preparing
> written op1
send n0 op1 commit
send n1 op1 commit
send n2 op1 commit
op1 is committing
> n0 applied op1
op1 is committing
> n1 applied op1
op1 is committing
> n2 applied op1
write op1 SUCCEEDED
op1 is soaking
> written op1
op1 is succeeded-partial
> join n3 journal=3 runs=unknown
ready n3
send n3 op1 PREPARE v2
> n3 yes op1
send n3 op1 commit
op1 is succeeded-partial
> n3 applied op1
op1 is succeeded
# Two of four are none: all go back, and the machine that is new has nothing to leave.
> open op2 quorum version=v3 soak=1000 install=yes
ADMITTED: 4 of 4 reachable, need 3
write op2 OPEN
op2 is preparing
> written op2
send n0 op2 PREPARE v3
send n1 op2 PREPARE v3
send n2 op2 PREPARE v3
send n3 op2 PREPARE v3
op2 is preparing
> n0 yes op2
op2 is preparing
> n1 yes op2
op2 is preparing
> n2 yes op2
op2 is preparing
> n3 no op2 MEMORY
write op2 COMMIT
op2 is preparing
> written op2
send n0 op2 commit
send n1 op2 commit
send n2 op2 commit
op2 is committing
write op1 FINAL
op1 is succeeded
> n0 applied op2
op2 is committing
> n1 applied op2
op2 is committing
> n2 applied op2
op2 is soaking
> replace n2
write op2 DEGRADED and its compensation's OPEN
op2 is rolling-back
> written op2
op2 is rolling-back
send n0 op2' PREPARE v1
send n1 op2' PREPARE v1
op2' is preparing
> n0 yes op2'
op2' is preparing
> replace n1
write op2' COMMIT
op2' is preparing
> written op2'
send n0 op2' commit
op2' is committing
> n0 applied op2' runs=v1
write op2' SUCCEEDED
op2' is soaking
> written op2'
write op2' FINAL
op2' is succeeded
write op2 SETTLED
op2 is rolling-back
> written op2
op2 is rolled-back
op2 is over
> join n2 journal=2 runs=unknown
ready n2
> join n1 journal=2 runs=unknown
ready n1
