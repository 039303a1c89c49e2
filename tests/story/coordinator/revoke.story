# A node is revoked between its YES and the decision: what needed it is aborted.
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
> revoke n1
write op1 ABORT
op1 is preparing
> cause op1
REVOKED n1 revoked by ana
# Nothing is heard of it any more.
> n1 yes op1
> join n1
> written op1
send n0 op1 abort
send n2 op1 abort
op1 is aborted
> open op2 sync_all version=v2
ADMITTED: 2 of 2 reachable, need 2
write op2 OPEN
op2 is preparing
op1 is over
> written op2
send n0 op2 PREPARE v2
send n2 op2 PREPARE v2
op2 is preparing
> n0 yes op2
op2 is preparing
> n2 yes op2
write op2 COMMIT
op2 is preparing
> written op2
send n0 op2 commit
send n2 op2 commit
op2 is committing
# After COMMIT its part holds nothing up; who is left is enough.
> n0 applied op2
op2 is committing
> revoke n2
write op2 SUCCEEDED
op2 is soaking
> written op2
op2 is succeeded-partial
> wait 5000
write op2 FINAL
op2 is succeeded-partial
> written op2
send n0 op2 FINAL
op2 is succeeded-partial
