# Who is cordoned while it catches up gives its place at once to who waits for one.
> fleet 5 catch-up=1
> join n0
ready n0
> join n1
ready n1
> join n2
ready n2
> join n3
ready n3
> join n4
ready n4
> leave n3
> leave n4
> open op1 quorum version=v2
ADMITTED: 3 of 5 reachable, need 3
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
> join n3
ready n3
send n3 op1 PREPARE v2
> join n4
ready n4
> cordon n3
op1 is succeeded-partial
send n4 op1 PREPARE v2
