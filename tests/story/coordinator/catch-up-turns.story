# One place for catching up, and two who do not get on: one never answers, one never applies. A try
# that leads to nothing ends with its pause, and the place goes to who has waited for longest.
> fleet 7 catch-up=1
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
> join n5
ready n5
> join n6
ready n6
> leave n4
> leave n5
> leave n6
> open op1 quorum version=v2
ADMITTED: 4 of 7 reachable, need 4
write op1 OPEN
op1 is preparing
> written op1
send n0 op1 PREPARE v2
send n1 op1 PREPARE v2
send n2 op1 PREPARE v2
send n3 op1 PREPARE v2
op1 is preparing
> n0 yes op1
op1 is preparing
> n1 yes op1
op1 is preparing
> n2 yes op1
op1 is preparing
> n3 yes op1
write op1 COMMIT
op1 is preparing
> written op1
send n0 op1 commit
send n1 op1 commit
send n2 op1 commit
send n3 op1 commit
op1 is committing
> n0 applied op1
op1 is committing
> n1 applied op1
op1 is committing
> n2 applied op1
op1 is committing
> n3 applied op1
write op1 SUCCEEDED
op1 is soaking
> written op1
op1 is succeeded-partial
> wait 5100
write op1 FINAL
op1 is succeeded-partial
> written op1
send n0 op1 FINAL
send n1 op1 FINAL
send n2 op1 FINAL
send n3 op1 FINAL
op1 is succeeded-partial
> join n4
ready n4
send n4 op1 PREPARE v2
> join n5
ready n5
> wait 30000
> join n6
ready n6
> wait 31000
send n5 op1 PREPARE v2
> n5 yes op1
send n5 op1 commit
op1 is succeeded-partial
> n5 not-applied op1 DRAIN
> wait 61000
send n6 op1 PREPARE v2
> n6 yes op1
send n6 op1 commit
op1 is succeeded-partial
> n6 applied op1
send n4 op1 PREPARE v2
send n6 op1 FINAL
op1 is succeeded-partial
> wait 31000
