# A cordoned node is in no roster, and gets what it missed when the cordon ends.
> fleet 4
> join n0
ready n0
> join n1
ready n1
> join n2
ready n2
> join n3
ready n3
> cordon n1
> open op1 sync_all version=v2
ADMITTED: 3 of 3 reachable, need 3
1 cordoned
write op1 OPEN
op1 is preparing
> written op1
send n0 op1 PREPARE v2
send n2 op1 PREPARE v2
send n3 op1 PREPARE v2
op1 is preparing
> undecided n0
op1
> undecided n1
none
> leave n1
> join n1
ready n1
# A vote that nobody asked it for counts for nothing.
> n1 yes op1
> n0 yes op1
op1 is preparing
> n2 yes op1
op1 is preparing
> n3 yes op1
write op1 COMMIT
op1 is preparing
> written op1
send n0 op1 commit
send n2 op1 commit
send n3 op1 commit
op1 is committing
> undecided n0
none
> n1 yes op1
> n1 applied op1 runs=v1
> n0 applied op1
op1 is committing
> n2 applied op1
op1 is committing
> n3 applied op1
write op1 SUCCEEDED
op1 is soaking
> written op1
op1 is succeeded-partial
# What it would have got is left to the newer one; what n3 is owed waits once it is cordoned.
> leave n3
> open op2 quorum version=v3
ADMITTED: 2 of 3 reachable, need 2
1 cordoned
write op2 OPEN
op2 is preparing
> written op2
send n0 op2 PREPARE v3
send n2 op2 PREPARE v3
op2 is preparing
> n0 yes op2
op2 is preparing
> n2 yes op2
write op2 COMMIT
op2 is preparing
> wait 2000
> written op2
send n0 op2 commit
send n2 op2 commit
op2 is committing
write op1 FINAL
op1 is succeeded-partial
> written op1
send n0 op1 FINAL
send n2 op1 FINAL
op1 is succeeded-partial
> n0 applied op2
op2 is committing
op1 is over
> n2 applied op2
write op2 SUCCEEDED
op2 is soaking
> written op2
op2 is succeeded-partial
> cordon n3
op2 is succeeded-partial
> join n3 runs=v2
ready n3
> wait 5000
write op2 FINAL
op2 is succeeded-partial
> written op2
send n0 op2 FINAL
send n2 op2 FINAL
op2 is succeeded-partial
> uncordon n3
send n3 op2 PREPARE v3
op2 is succeeded-partial
> n3 yes op2
send n3 op2 commit
op2 is succeeded-partial
> n3 applied op2
send n3 op2 FINAL
op2 is succeeded-partial
> uncordon n1
send n1 op2 PREPARE v3
op2 is succeeded-partial
> wait 300
> n1 yes op2
send n1 op2 commit
op2 is succeeded-partial
> n1 applied op2
send n1 op2 FINAL
op2 is succeeded
