# Nobody is left to go back.
> fleet 2
> join n0
ready n0
> join n1
ready n1
> open op1 local version=v2 node=n0 soak=1000
ADMITTED: 1 of 1 reachable, need 1
write op1 OPEN
op1 is preparing
> written op1
send n0 op1 PREPARE v2
op1 is preparing
> n0 yes op1
write op1 COMMIT
op1 is preparing
> written op1
send n0 op1 commit
op1 is committing
> n0 applied op1
op1 is soaking
> revoke n0
op1 is soaking
> abort op1
write op1 SETTLED
op1 is rolling-back
> written op1
op1 is rolled-back
op1 is over
# Nor to be asked: the row of the operation was being written.
> open op2 local version=v2 node=n1
ADMITTED: 1 of 1 reachable, need 1
write op2 OPEN
op2 is preparing
> revoke n1
op2 is preparing
> written op2
write op2 ABORT
op2 is preparing
> cause op2
REVOKED n1 revoked by ana
> written op2
op2 is aborted
op2 is over
