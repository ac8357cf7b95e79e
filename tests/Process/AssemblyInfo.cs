// Each test runs a dataplane: one at a time on a small machine.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
