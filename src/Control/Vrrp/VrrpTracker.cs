namespace Forwarder.Vrrp;

/// <summary>Adds up what the tracked objects of an instance or of a sync group say, as keepalived does.</summary>
public sealed class VrrpTracker
{
    private readonly VrrpTrackedObject[] _objects;
    private readonly int[] _offsets;
    private readonly bool[] _faults;

    /// <param name="objects">Tracked objects; all are up until they are reported otherwise.</param>
    public VrrpTracker(IReadOnlyList<VrrpTrackedObject> objects)
    {
        ArgumentNullException.ThrowIfNull(objects);
        _objects = [.. objects];
        _offsets = new int[_objects.Length];
        _faults = new bool[_objects.Length];
        for (int i = 0; i < _objects.Length; i++)
        {
            ReportState(i, true);
        }
    }

    /// <summary>Sum of all contributions, not limited.</summary>
    public int Offset => _offsets.Sum();

    /// <summary>At least one object says that we must not take part.</summary>
    public bool IsFault => _faults.Contains(true);

    /// <summary>Contribution of one object.</summary>
    public int OffsetOf(int index) => _offsets[index];

    /// <summary>One object says that we must not take part.</summary>
    public bool IsFaultOf(int index) => _faults[index];

    /// <summary>Effective priority: 1 to 254 whatever the sum; that of an address owner does not move.</summary>
    public byte PriorityFor(byte configuredPriority) => configuredPriority == VrrpLimits.PriorityOwner
        ? configuredPriority
        : (byte)Math.Clamp(configuredPriority + Offset, VrrpLimits.PriorityMin, VrrpLimits.PriorityMax);

    /// <summary>An object went up or down.</summary>
    public void ReportState(int index, bool isUp)
    {
        VrrpTrackedObject tracked = _objects[index];
        // Stryker disable once equality : weight 0 adds nothing either way.
        bool counts = tracked.Weight > 0 ? isUp : !isUp;
        _offsets[index] = counts ? Directed(tracked) : 0;
        _faults[index] = tracked.Weight == 0 && isUp == tracked.Reverse;
    }

    private static int Directed(VrrpTrackedObject tracked) => tracked.Reverse ? -tracked.Weight : tracked.Weight;
}
