# T20: a node joins while an operation is under way. It is not in its roster, and hears of none of it.
> fleet 3
> join n0
ready n0
> join n1
ready n1
> open op1 sync_all version=v2
ADMITTED: 2 of 2 reachable, need 2
write op1 OPEN
op1 is preparing
> written op1
send n0 op1 PREPARE v2
send n1 op1 PREPARE v2
op1 is preparing
> join n2
ready n2
> n0 yes op1
op1 is preparing
> n1 yes op1
write op1 COMMIT
op1 is preparing
> written op1
send n0 op1 commit
send n1 op1 commit
op1 is committing
> n0 applied op1
op1 is committing
> n1 applied op1
write op1 SUCCEEDED
op1 is soaking
> written op1
op1 is succeeded
