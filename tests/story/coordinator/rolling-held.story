# While an operation holds the module its nodes are neither here nor there: that is said, and not
# that there is no majority.
> fleet 2
> join n0 runs=v1
ready n0
> join n1 runs=v1
ready n1
> open op1 sync_all version=v2
ADMITTED: 2 of 2 reachable, need 2
write op1 OPEN
op1 is preparing
> open op2 rolling kind=reconcile on-failure=hold version=v2 ambiguous=yes
HELD: 2 of 2 reachable, need 0
> abort op1
> written op1
write op1 ABORT
op1 is preparing
> written op1
send n0 op1 abort
send n1 op1 abort
op1 is aborted
> open op2 rolling kind=reconcile on-failure=hold version=v2 ambiguous=yes
AMBIGUOUS: 2 of 2 reachable, need 0
