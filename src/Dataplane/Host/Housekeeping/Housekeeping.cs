using System.Diagnostics;
using System.Runtime.CompilerServices;
using Forwarder.Abi;
using Forwarder.Engine;

namespace Forwarder.Dataplane;

/// <summary>
/// What the dataplane does beside forwarding: gatekeeper, slow path, exception ports, statistics, flow queries. Runs on the
/// main lcore; allocates nothing once made, and says so in the region (the seal).
/// </summary>
public sealed unsafe class Housekeeping
{
    private const int PacketsPerRound = 256, HostFramesPerRound = 64;
    private const long ReportIntervalMs = 500, TickIntervalMs = 5;
    private const uint SleepUs = 200;

    private readonly Native _native;
    private readonly Region _region;
    private readonly Launcher _launcher;
    private readonly SnapshotGate _gate;
    private readonly SlowPathHost _host;
    private readonly SlowPath _slowPath;
    private readonly FlowQueries _queries;
    private readonly ConnectionSums _sums;
    private readonly PortReporter _reporter;
    private readonly PortFilters _filters;
    private readonly Log _log;
    private readonly string[] _faultNames = Enum.GetNames<SnapshotFault>(); // Enum.ToString would allocate after the seal
    private readonly ulong[] _spares;
    private readonly uint _frameCapacity;
    private SealMeter _seal;
    private long _reportDueMs, _tickDueMs, _summedMs;
    private ulong _rejected;

    public Housekeeping(Native native, Region region, Launcher launcher, DataplaneConfig config)
    {
        (_native, _region, _launcher) = (native, region, launcher);
        _gate = new SnapshotGate(region, launcher.Ports.Length);
        ProcessBlock* process = (ProcessBlock*)Unsafe.AsPointer(ref region.Process);
        _host = new SlowPathHost(native, launcher.Pools, launcher.Ports, launcher.Workers[0], &process->Drops, &process->SlowPath);
        ulong[] macs = [.. launcher.Ports.Select(p => p.Mac)];
        _slowPath = new SlowPath(_host, (ulong*)(region.Start + RegionLayout.NeighboursOffset), (ulong*)(region.Start + RegionLayout.LeasesOffset), &process->SlowPath, macs);
        _queries = new FlowQueries(region, launcher.Workers);
        _sums = new ConnectionSums(region);
        _log = new Log(native);
        string[] names = [.. config.Ports.Select(p => p.Name)];
        _reporter = new PortReporter(native, region, launcher.Ports, names, _log);
        NativePortFilters filters = new(native, launcher.Ports, [.. config.Ports.Select(p => p.Exception)]);
        _filters = new PortFilters(filters, region, names, [.. config.Ports.Select(p => p.Promiscuous)], _log);
        _spares = new ulong[launcher.Ports.Length];
        _frameCapacity = (uint)(config.Ports.Max(p => p.MtuBytes) + Wire.EthernetBytes + Wire.VlanTagBytes);
        process->MbufCount = (ulong)config.Mbufs * (uint)launcher.Pools.Count;
        process->PortCount = (uint)launcher.Ports.Length;
    }

    /// <summary>After a restart: takes up the snapshot that was in force, and a newer one if control has published it meanwhile, before workers run.</summary>
    public bool Resume()
    {
        bool resumed = _gate.TryResume(out SnapshotView view);
        if (resumed)
        {
            _slowPath.SetSnapshot(view, Environment.TickCount64);
            _filters.SetSnapshot(view);
            _sums.SetSnapshot(view);
        }

        resumed |= TakeSnapshot(Environment.TickCount64);
        _reporter.Report();
        return resumed;
    }

    /// <summary>From now on nothing may be allocated: what is, and collections, are counted against this point.</summary>
    public void Seal()
    {
        // Run everything once, so that what the runtime makes at first use is made.
        Round(Environment.TickCount64);
        Report();
        _seal.Set();
        Volatile.Write(ref _region.Process.Sealed, 1);
    }

    /// <summary>Runs until <paramref name="stop"/>.</summary>
    public void Run(ref bool stop)
    {
        while (!Volatile.Read(ref stop))
        {
            if (!Round(Environment.TickCount64))
            {
                _native.SleepUs(SleepUs);
            }
        }

        Report();
    }

    private bool Round(long nowMs)
    {
        ulong startedNs = (ulong)Stopwatch.GetTimestamp();
        TakeSnapshot(nowMs);
        int done = FromWorkers(nowMs) + FromHost(out bool isEmptied);
        if (isEmptied)
        {
            Volatile.Write(ref _region.Process.HeartbeatNs, startedNs);
        }

        _queries.Poll((uint)nowMs);
        if (nowMs != _summedMs)
        {
            _summedMs = nowMs;
            _sums.Run();
        }

        if (nowMs >= _tickDueMs)
        {
            _tickDueMs = nowMs + TickIntervalMs;
            _slowPath.Tick(nowMs);
        }

        if (nowMs >= _reportDueMs)
        {
            _reportDueMs = nowMs + ReportIntervalMs;
            Report();
        }

        return done != 0;
    }

    private bool TakeSnapshot(long nowMs)
    {
        bool taken = _gate.TryExamine(out SnapshotView view);
        if (taken)
        {
            _slowPath.SetSnapshot(view, nowMs);
            _filters.SetSnapshot(view);
            _sums.SetSnapshot(view);
            _gate.Accept();
        }

        if (_region.Header.RejectedGeneration != _rejected)
        {
            _rejected = _region.Header.RejectedGeneration;
            _log.Write($"forwarder-dataplane: snapshot {_rejected} refused: {FaultName(_region.Header.RejectedFault)}, entry {_region.Header.RejectedIndex}; generation {SnapshotWord.Generation(_region.Header.Accepted)} stays in force.\n");
        }

        return taken;
    }

    private string FaultName(uint fault) => fault < (uint)_faultNames.Length ? _faultNames[fault] : "unknown fault";

    private int FromWorkers(long nowMs)
    {
        int done = 0;
        foreach (WorkerContext* worker in _launcher.Workers)
        {
            for (int n = 0; n < MbufPlan.UrgentEntries && worker->Urgent.TryPop(out PacketRing.Entry entry); n++)
            {
                done++;
                _slowPath.HandleFrame(entry.Packet, Mbuf.Frame(entry.Packet), (int)Mbuf.Length(entry.Packet), (int)entry.Port, nowMs);
            }
        }

        foreach (WorkerContext* worker in _launcher.Workers)
        {
            for (int n = 0; n < PacketsPerRound && worker->ToHousekeeping.TryPop(out PacketRing.Entry entry); n++)
            {
                done++;
                byte* frame = Mbuf.Frame(entry.Packet);
                int length = (int)Mbuf.Length(entry.Packet);
                if (SlowTag.IsRefusal(entry.Tag, out DropReason reason, out int mtuBytes))
                {
                    _slowPath.HandleRefused(entry.Packet, frame, length, (int)entry.Port, reason, mtuBytes, nowMs);
                }
                else if (entry.Tag != 0)
                {
                    _slowPath.HandleWaiting(entry.Packet, frame, length, entry.Tag, entry.Port, nowMs);
                }
                else
                {
                    _slowPath.HandleFrame(entry.Packet, frame, length, (int)entry.Port, nowMs);
                }
            }
        }

        return done;
    }

    private int FromHost(out bool isEmptied)
    {
        int done = 0;
        isEmptied = true;
        for (int port = 0; port < _spares.Length; port++)
        {
            HostFrame last = HostFrame.Forwarded;
            for (int n = 0; n < HostFramesPerRound && last == HostFrame.Forwarded; n++)
            {
                last = _host.ForwardFromHost(port, ref _spares[port], _frameCapacity);
                done += last == HostFrame.Forwarded ? 1 : 0;
            }

            isEmptied &= last == HostFrame.None;
        }

        return done;
    }

    private void Report()
    {
        ref ProcessBlock process = ref _region.Process;
        _reporter.Report();
        _filters.Poll();
        process.MbufAvailable = _launcher.Pools.Available;
        if (process.Sealed != 0)
        {
            process.AllocatedBytesSinceSeal = _seal.AllocatedBytes;
            process.CollectionsSinceSeal = _seal.Collections;
        }
    }
}
