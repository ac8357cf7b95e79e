namespace Forwarder.Sim.Tests;

/// <summary>An invariant did not hold; says how to see it again.</summary>
internal sealed class SimFailure(SimScenario scenario, string what)
    : Exception($"seed {scenario.Seed}: {what}; replay with FORWARDER_SIM_SEED={scenario.Seed}")
{
    public ulong Seed => scenario.Seed;
}
