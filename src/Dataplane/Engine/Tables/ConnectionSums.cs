using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Tells each worker what flows the others have, of servers and services that have a limit. Each worker counts for itself and
/// alone writes its counts; this sums them up, in housekeeping, a part at a time, and keeps what IPVS calls overload:
/// set at the upper threshold, gone below the lower one. Allocates nothing once made.
/// </summary>
public sealed unsafe class ConnectionSums(Region region)
{
    private readonly uint[] _limited = new uint[Limits.ServersMax + Limits.ServicesMax];   // server slots, then ServersMax + service slot
    private readonly uint[] _upper = new uint[Limits.ServersMax];   // thresholds of the snapshot before
    private SnapshotView _view;
    private int _count, _at;

    /// <summary>Goes over to another snapshot, before workers do: what it limits is summed up whole.</summary>
    public void SetSnapshot(in SnapshotView view)
    {
        _view = view;
        _count = _at = 0;
        for (uint server = 0; server < (uint)view.ServerCount; server++)
        {
            uint upper = view.Servers[server].UpperThreshold;
            if (upper != 0)
            {
                _limited[_count++] = server;
            }

            if (upper > _upper[server])
            {
                ref uint told = ref region.OtherConnections(0)[(int)server];
                told = OtherConnections.Pack(OtherConnections.Count(told), overloaded: false); // as IPVS does where a threshold is raised
            }

            _upper[server] = upper;
        }

        for (uint service = 0; service < (uint)view.ServiceCount; service++)
        {
            if (view.Services[service].ConnectionsMax != 0)
            {
                _limited[_count++] = Limits.ServersMax + service;
            }
        }

        SumUp(_count);
    }

    /// <summary>Sums up a part, to be called each millisecond: no more counts than <see cref="Limits.ConnectionSumsPerMs"/>.</summary>
    public void Run() => SumUp(Math.Min(_count, Limits.ConnectionSumsPerMs / region.Layout.WorkerCount));

    private void SumUp(int count)
    {
        for (; count > 0; count--)
        {
            uint word = _limited[_at];
            _at = _at + 1 == _count ? 0 : _at + 1;
            ulong total = 0;
            for (int worker = 0; worker < region.Layout.WorkerCount; worker++)
            {
                total += Of(worker, word);
            }

            bool overloaded = word < Limits.ServersMax && ConnectionLimits.IsOver(_view.Servers + word, total, OtherConnections.IsOverloaded(region.OtherConnections(0)[(int)word]));
            for (int worker = 0; worker < region.Layout.WorkerCount; worker++)
            {
                ref uint told = ref region.OtherConnections(worker)[(int)word];
                uint others = OtherConnections.Pack(total - Math.Min(total, Of(worker, word)), overloaded);
                if (told != others)
                {
                    Volatile.Write(ref told, others);
                }
            }
        }
    }

    private uint Of(int worker, uint word)
    {
        if (word >= Limits.ServersMax)
        {
            return region.ServiceCounters(worker)[(int)(word - Limits.ServersMax)].Connections;
        }

        ref ServerCounters counters = ref region.ServerCounters(worker)[(int)word];
        return counters.Incarnation == _view.Servers[word].Incarnation ? counters.ActiveConnections + counters.InactiveConnections : 0;
    }
}
