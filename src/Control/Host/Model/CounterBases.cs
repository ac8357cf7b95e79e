using Forwarder.Abi;

namespace Forwarder.Control;

/// <summary>
/// Workers' counters only grow; what is shown is their growth since a base: the last zeroing, or the moment a slot got a
/// new server. Also keeps a sample of a few seconds ago for rates.
/// </summary>
public sealed class CounterBases
{
    private readonly Lock _lock = new();
    private readonly Dictionary<int, Totals> _bases = [];
    private Dictionary<int, Totals> _sample = [];
    private long _sampleMs;

    /// <summary>Sums of a server slot over workers.</summary>
    public readonly record struct Totals(long Connections, long Packets, long Bytes, long Active, long Inactive)
    {
        /// <summary>Growth since a base; active and inactive are as they are.</summary>
        public Totals Since(Totals b) => new(Connections - b.Connections, Packets - b.Packets, Bytes - b.Bytes, Active, Inactive);
    }

    /// <summary>A new region counts from 0.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            _bases.Clear();
            _sample.Clear();
        }
    }

    /// <summary>The slot starts from 0.</summary>
    public void Rebase(Region region, int slot)
    {
        lock (_lock)
        {
            _bases[slot] = Sum(region, slot, 0);
            _sample.Remove(slot);
        }
    }

    /// <summary>What a slot's server has counted since its base; flows are counted if they are of its incarnation.</summary>
    public Totals Read(Region region, int slot, byte incarnation)
    {
        lock (_lock)
        {
            return Sum(region, slot, incarnation).Since(_bases.GetValueOrDefault(slot));
        }
    }

    /// <summary>Growth per second since the last sample.</summary>
    public (double Connections, double Packets, double Bytes) Rates(Region region, int slot)
    {
        lock (_lock)
        {
            double seconds = Math.Max(1, Environment.TickCount64 - _sampleMs) / 1000.0;
            if (_sampleMs == 0 || !_sample.TryGetValue(slot, out Totals before))
            {
                return default;
            }

            Totals grown = Sum(region, slot, 0).Since(before);
            return (grown.Connections / seconds, grown.Packets / seconds, grown.Bytes / seconds);
        }
    }

    /// <summary>Takes a sample for rates; call it every few seconds.</summary>
    public void Sample(Region region, IEnumerable<int> slots)
    {
        Dictionary<int, Totals> sample = slots.ToDictionary(s => s, s => Sum(region, s, 0));
        lock (_lock)
        {
            (_sample, _sampleMs) = (sample, Environment.TickCount64);
        }
    }

    private static Totals Sum(Region region, int slot, byte incarnation)
    {
        Totals sum = default;
        for (int worker = 0; worker < region.Layout.WorkerCount; worker++)
        {
            ServerCounters c = region.ServerCounters(worker)[slot];
            bool own = c.Incarnation == incarnation;
            sum = new Totals(sum.Connections + c.Connections, sum.Packets + (long)c.Packets, sum.Bytes + (long)c.Bytes, sum.Active + (own ? c.ActiveConnections : 0), sum.Inactive + (own ? c.InactiveConnections : 0));
        }

        return sum;
    }
}
