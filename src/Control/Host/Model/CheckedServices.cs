using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>
/// Virtual services that have been found good against the same interfaces, by object: they are immutable and need not be
/// checked again. With it the scratch space of a check, which would be a large object each time.
/// </summary>
public sealed class CheckedServices
{
    private const int Spare = 1_024;

    private (object? Interfaces, object? Dataplane) _checkedFor;

    /// <summary>Models of services found good.</summary>
    public Dictionary<VirtualService, ServiceModel> Known { get; } = new(ReferenceEqualityComparer.Instance);

    /// <summary>Keys seen in the check that runs, with their index.</summary>
    public Dictionary<ServiceKey, int> Seen { get; } = [];

    /// <summary>Prepares the check of a state: forgets what was checked against other interfaces, and what has piled up.</summary>
    public void Begin(DesiredState state)
    {
        Seen.Clear();
        if (!ReferenceEquals(state.Interfaces, _checkedFor.Interfaces) || !ReferenceEquals(state.Dataplane, _checkedFor.Dataplane) || Known.Count > (2 * state.Services.Count) + Spare)
        {
            Known.Clear();
            _checkedFor = (state.Interfaces, state.Dataplane);
        }
    }
}
