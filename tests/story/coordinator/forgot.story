# A13: a node loses its journal between its YES and the decision: the YES is void, and it is asked again.
> fleet 2
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
> n0 yes op1
op1 is preparing
> leave n0
> join n0 journal=1
send n0 op1 PREPARE v2
op1 is preparing
ready n0
> n1 yes op1
op1 is preparing
> n0 yes op1
write op1 COMMIT
op1 is preparing
> written op1
send n0 op1 commit
send n1 op1 commit
op1 is committing
# And after COMMIT: what it was told is forgotten, too.
> leave n1
> join n1 journal=1
send n1 op1 PREPARE v2
ready n1
> n1 yes op1
send n1 op1 commit
op1 is committing
> n1 applied op1
op1 is committing
> n0 applied op1
write op1 SUCCEEDED
op1 is soaking
> written op1
op1 is succeeded
