# Another machine is admitted in a node's place between its YES and the decision: what needed it is aborted.
> fleet 3
> join n0
ready n0
> join n1
ready n1
> join n2
ready n2
> open op1 sync_all version=v2
ADMITTED: 3 of 3 reachable, need 3
write op1 OPEN
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
> replace n1
write op1 ABORT
op1 is preparing
> cause op1
REVOKED n1 admitted by ana
# What the one before says is not heard; and what is aborted, the new one is not told of.
> written op1
send n0 op1 abort
send n2 op1 abort
op1 is aborted
> join n1 journal=2 runs=unknown
ready n1
op1 is over
> open op2 sync_all version=v2 install=yes
ADMITTED: 3 of 3 reachable, need 3
write op2 OPEN
op2 is preparing
> written op2
send n0 op2 PREPARE v2
send n1 op2 PREPARE v2
send n2 op2 PREPARE v2
op2 is preparing
> n0 yes op2
op2 is preparing
> n1 yes op2
op2 is preparing
> n2 yes op2
write op2 COMMIT
op2 is preparing
> written op2
send n0 op2 commit
send n1 op2 commit
send n2 op2 commit
op2 is committing
> n0 applied op2
op2 is committing
# After COMMIT it is not waited for: the new one is owed, and gets it.
> replace n1
op2 is committing
> n2 applied op2
write op2 SUCCEEDED
op2 is soaking
> written op2
op2 is succeeded-partial
> join n1 journal=3 runs=unknown
ready n1
send n1 op2 PREPARE v2
> n1 yes op2
send n1 op2 commit
op2 is succeeded-partial
> n1 applied op2
op2 is succeeded
# What it had when all was well is void too: it is owed again.
> open op3 sync_all version=v1 install=yes
ADMITTED: 3 of 3 reachable, need 3
write op3 OPEN
op3 is preparing
> written op3
send n0 op3 PREPARE v1
send n1 op3 PREPARE v1
send n2 op3 PREPARE v1
op3 is preparing
> n0 yes op3
op3 is preparing
> n1 yes op3
op3 is preparing
> n2 yes op3
write op3 COMMIT
op3 is preparing
> written op3
send n0 op3 commit
send n1 op3 commit
send n2 op3 commit
op3 is committing
write op2 FINAL
op2 is succeeded
> n0 applied op3
op3 is committing
> n1 applied op3
op3 is committing
> n2 applied op3
write op3 SUCCEEDED
op3 is soaking
> written op3
op3 is succeeded
> replace n1 owes=op3
op3 is succeeded-partial
> wait 5000
write op3 FINAL
op3 is succeeded-partial
> written op3
send n0 op3 FINAL
send n2 op3 FINAL
op3 is succeeded-partial
> join n1 journal=4 runs=unknown
ready n1
send n1 op3 PREPARE v1
> n1 yes op3
send n1 op3 commit
op3 is succeeded-partial
> n1 applied op3
send n1 op3 FINAL
op3 is succeeded
