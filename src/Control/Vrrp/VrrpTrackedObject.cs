namespace Forwarder.Vrrp;

/// <summary>
/// Something whose state counts in the election: a link, a neighbour, a service's quorum, a route, a script, a worker.
/// </summary>
/// <param name="Name">Shown to the operator.</param>
/// <param name="Weight">
/// -253 to 253. Zero: failure is a fault. Above zero: added while up. Below zero: added (so subtracted) while down.
/// </param>
/// <param name="Reverse">Turns the direction round; with weight 0 it is a fault to be up.</param>
public sealed record VrrpTrackedObject(string Name, int Weight, bool Reverse = false)
{
    /// <summary>What is wrong with it for a router of this configured priority, or nothing.</summary>
    public IReadOnlyList<VrrpConfigProblem> Validate(byte configuredPriority)
    {
        var problems = new List<VrrpConfigProblem>();
        if (Math.Abs(Weight) > VrrpLimits.WeightMax)
        {
            problems.Add(new VrrpConfigProblem("weight", $"{Weight} is out of range; allowed: -{VrrpLimits.WeightMax} to {VrrpLimits.WeightMax}"));
        }

        if (configuredPriority == VrrpLimits.PriorityOwner && Weight != 0)
        {
            problems.Add(new VrrpConfigProblem("weight", $"{Weight} cannot change the priority of an address owner (255); allowed: 0"));
        }

        return problems;
    }
}
