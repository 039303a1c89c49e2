# A reconcile commits first, and then takes its nodes one at a time: each is asked, told, watched
# through a soak of its own, and only then the next.
> fleet 3
> join n0 runs=v1
ready n0
> join n1 runs=v1
ready n1
> join n2 runs=v2
ready n2
> open op1 rolling kind=reconcile on-failure=hold version=v2 soak=1000
ADMITTED: 3 of 3 reachable, need 0
write op1 OPEN
op1 is preparing
> written op1
write op1 COMMIT
op1 is preparing
> written op1
send n0 op1 PREPARE v2
op1 is committing
> n0 yes op1
send n0 op1 commit
op1 is committing
> n0 applied op1
op1 is committing
> wait 900
> wait 200
op1 is committing
send n1 op1 PREPARE v2
> n1 yes op1
send n1 op1 commit
op1 is committing
> n1 applied op1
op1 is committing
> wait 1000
op1 is committing
send n2 op1 PREPARE v2
> n2 yes op1
send n2 op1 commit
op1 is committing
> n2 applied op1
write op1 SUCCEEDED
op1 is soaking
> written op1
op1 is succeeded
> wait 5100
write op1 FINAL
op1 is succeeded
> written op1
send n0 op1 FINAL
send n1 op1 FINAL
send n2 op1 FINAL
op1 is succeeded
