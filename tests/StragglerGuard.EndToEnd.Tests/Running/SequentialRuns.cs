// Two fleets on the same cores would each look like the other's straggler.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
