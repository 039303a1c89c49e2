# A node that is late is owed the version when its time is over. If it has forgotten its promise
# meanwhile it is asked again, and is told nothing before it has promised again.
> fleet 3 catch-up=5
> join n0
ready n0
> join n1
ready n1
> join n2
ready n2
> leave n2
> open op1 quorum version=v2
ADMITTED: 2 of 3 reachable, need 2
write op1 OPEN
op1 is preparing
> written op1
send n0 op1 PREPARE v2
send n1 op1 PREPARE v2
op1 is preparing
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
> join n2
ready n2
send n2 op1 PREPARE v2
> n2 yes op1
send n2 op1 commit
op1 is committing
> n1 applied op1
op1 is committing
> leave n2
> wait 16000
write op1 SUCCEEDED
op1 is soaking
> written op1
op1 is succeeded-partial
> join n2 journal=1
ready n2
send n2 op1 PREPARE v2
> n2 yes op1
send n2 op1 commit
op1 is succeeded-partial
