using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using Forwarder.Api;

namespace Forwarder.Lab;

/// <summary>
/// Many idle flows, and beside them new ones at a steady rate, each of one datagram: whether flows end when they should,
/// counters add up, and memory stays. Direct routing over UDP.
/// </summary>
public sealed class Soak : IDisposable
{
    /// <summary>How far from its time-out a flow may end.</summary>
    public const double ExpirySlackS = 1;

    private const int IdlePort = 5000, BusyPort = 5001, BusyTimeoutS = 10, FillPerS = 50_000, SampleMs = 200, FrameBytes = 60, MemoryGrowthMaxKb = 8_192, FillPassesMax = 20;
    private readonly S1Lab _lab = new();
    private readonly int _seconds, _idleFlows, _perS, _idleTimeoutS;
    private readonly List<(double AtS, double Created, double Flows)> _samples = [];
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly List<string> _faults = [];
    private readonly RawPort _port;
    private double _filledFromS, _filledToS;
    private int _newFlows;

    private Soak(int seconds, int idleFlows, int perS)
    {
        (_seconds, _idleFlows, _perS) = (seconds, idleFlows, perS);
        _idleTimeoutS = seconds + (2 * BusyTimeoutS) + (3 * idleFlows / FillPerS) + BusyTimeoutS;
        try
        {
            _lab.Director.Configuration = _lab.Director.Configuration.Replace("65536", (2 * (idleFlows + (2 * BusyTimeoutS * perS))).ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
            _lab.Director.Start();
            Add(IdlePort, _idleTimeoutS);
            Add(BusyPort, BusyTimeoutS);
            _port = new RawPort(_lab.Client, "e0");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Runs it and prints what was seen; the exit code is 1 if something was not as it should be.</summary>
    public static int Report(int seconds, int idleFlows, int perS)
    {
        using Soak soak = new(seconds, idleFlows, perS);
        soak.Run();
        foreach (string fault in soak._faults)
        {
            Console.WriteLine($"soak: {fault}");
        }

        Console.WriteLine($"soak: {idleFlows} idle flows and {perS} new ones per second for {seconds} s: {soak._faults.Count} faults");
        return soak._faults.Count == 0 ? 0 : 1;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _port?.Dispose();
        _lab.Dispose();
    }

    private void Run()
    {
        Fill();
        using CancellationTokenSource stop = new();
        Thread sampler = new(() => Sample(stop.Token));
        sampler.Start();
        SendNew(BusyTimeoutS);
        (long control, long dataplane) = (MemoryKb(_lab.Director.ControlPid), MemoryKb(_lab.Director.DataplanePid));
        SendNew(_seconds - BusyTimeoutS);
        (long controlGrew, long dataplaneGrew) = (MemoryKb(_lab.Director.ControlPid) - control, MemoryKb(_lab.Director.DataplanePid) - dataplane);
        Console.WriteLine($"resident memory: control {control} kB and {controlGrew:+0;-0;0}, dataplane {dataplane} kB and {dataplaneGrew:+0;-0;0}");
        Require(dataplaneGrew <= MemoryGrowthMaxKb && controlGrew <= MemoryGrowthMaxKb, $"memory has grown: control by {controlGrew} kB, dataplane by {dataplaneGrew} kB");
        SleepUntil(_filledFromS + _idleTimeoutS - ExpirySlackS);
        Require(Flows() == _idleFlows, $"{Flows()} idle flows {ExpirySlackS} s before the first one's time-out");
        SleepUntil(_filledToS + _idleTimeoutS + ExpirySlackS);
        Require(Flows() == 0, $"{Flows()} flows {ExpirySlackS} s after the last one's time-out");
        stop.Cancel();
        sampler.Join();
        CheckExpiry();
        CheckCounters();
    }

    /// <summary>Idle flows until all are there: the kernel's ring of the port may lose datagrams, and sending again does no harm.</summary>
    private void Fill()
    {
        for (int pass = 1; Flows() < _idleFlows; pass++)
        {
            if (pass > FillPassesMax)
            {
                throw new InvalidOperationException($"only {Flows()} of {_idleFlows} flows after {FillPassesMax} passes");
            }

            _filledFromS = pass == 1 ? Seconds : _filledFromS;
            Send(IdlePort, 0, _idleFlows, FillPerS);
            _filledToS = Seconds;
            Console.WriteLine($"{Flows()} idle flows after {_filledToS - _filledFromS:0.0} s");
        }
    }

    private void SendNew(int seconds)
    {
        Send(BusyPort, _newFlows, seconds * _perS, _perS);
        _newFlows += seconds * _perS;
    }

    /// <summary>A datagram each from that many clients, spread over time.</summary>
    private void Send(int port, int first, int count, int perS)
    {
        byte[] frame = Frame(port);
        double fromS = Seconds;
        for (int n = 0; n < count; n++)
        {
            // Address 10.x.y.z and source port: a million clients, then the next port.
            BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(26), 0x0A00_0000u + (uint)((first + n) % 1_000_000));
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(34), (ushort)(1024 + ((first + n) / 1_000_000)));
            SetChecksum(frame);
            _port.TrySend(frame);
            if (n % 16 == 0)
            {
                SleepUntil(fromS + ((double)n / perS));
            }
        }

        SleepUntil(fromS + ((double)count / perS));
    }

    private static byte[] Frame(int port)
    {
        byte[] frame = new byte[FrameBytes];
        Convert.FromHexString(S1Lab.DirectorMac.Replace(":", "", StringComparison.Ordinal)).CopyTo(frame, 0);
        Convert.FromHexString("020000000001").CopyTo(frame, 6);
        (frame[12], frame[14], frame[22], frame[23]) = (0x08, 0x45, 64, 17);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(16), FrameBytes - 14);
        System.Net.IPAddress.Parse(S1Lab.Vip).GetAddressBytes().CopyTo(frame, 30);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(36), (ushort)port);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(38), FrameBytes - 34); // no UDP checksum
        return frame;
    }

    private static void SetChecksum(byte[] frame)
    {
        (frame[24], frame[25]) = (0, 0);
        uint sum = 0;
        for (int at = 14; at < 34; at += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(at));
        }

        sum = (sum & 0xFFFF) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(24), (ushort)~((sum & 0xFFFF) + (sum >> 16)));
    }

    private void Add(int port, int timeoutS)
    {
        foreach (string line in (string[])[$"service add udp:{S1Lab.Vip}:{port} --timeouts udpS={timeoutS}", $"server add udp:{S1Lab.Vip}:{port} {_lab.RealServers[0].Address}"])
        {
            CommandResult result = _lab.Director.Fwdctl(line);
            if (result.ExitCode != 0)
            {
                throw new InvalidOperationException($"fwdctl {line}: {result.Errors}");
            }
        }
    }

    private double Seconds => _clock.Elapsed.TotalSeconds;

    private void SleepUntil(double atS)
    {
        for (double leftS = atS - Seconds; leftS > 0; leftS = atS - Seconds)
        {
            Thread.Sleep(TimeSpan.FromSeconds(Math.Min(leftS, 1)));
        }
    }

    private WorkerView Worker() => _lab.Director.Api.Get("v1/workers", ApiJson.Default.IReadOnlyListWorkerView)[0];

    private long Flows() => Worker().Flows;

    private static long MemoryKb(int pid) => long.Parse(File.ReadLines($"/proc/{pid}/status").Single(l => l.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);

    private void Sample(CancellationToken stop)
    {
        while (!stop.WaitHandle.WaitOne(SampleMs))
        {
            double beforeS = Seconds;
            WorkerView worker = Worker();
            _samples.Add(((beforeS + Seconds) / 2, worker.Counters["flowsCreated"], worker.Flows));
        }
    }

    /// <summary>At each moment those flows are there that were created less than the time-out ago, give or take the slack.</summary>
    private void CheckExpiry()
    {
        int wrong = 0;
        double worst = 0;
        List<(double AtS, double Created, double Flows)> steady = [.. _samples.Where(s => s.AtS < _filledFromS + _idleTimeoutS - ExpirySlackS && s.AtS > _samples[0].AtS + BusyTimeoutS + (2 * ExpirySlackS))];
        foreach ((double atS, double created, double flows) in steady)
        {
            double busy = flows - _idleFlows, least = created - CreatedAt(atS - BusyTimeoutS + ExpirySlackS), most = created - CreatedAt(atS - BusyTimeoutS - ExpirySlackS);
            wrong += busy < least || busy > most ? 1 : 0;
            worst = Math.Max(worst, _perS == 0 ? 0 : Math.Max(0, busy - (created - CreatedAt(atS - BusyTimeoutS))) / _perS);
        }

        Console.WriteLine($"expiry: {steady.Count} samples, {wrong} of them outside {BusyTimeoutS} s give or take {ExpirySlackS} s; flows outlived it by {worst:0.00} s at most");
        Require(steady.Count > 0 && wrong == 0, $"{wrong} of {steady.Count} samples have flows that ended too early or too late");
    }

    private double CreatedAt(double atS)
    {
        int after = _samples.FindIndex(s => s.AtS >= atS);
        if (after <= 0)
        {
            return _samples[0].Created;
        }

        (double fromS, double before, _) = _samples[after - 1];
        (double toS, double then, _) = _samples[after];
        return before + ((then - before) * (atS - fromS) / (toS - fromS));
    }

    private void CheckCounters()
    {
        Thread.Sleep(1_000); // housekeeping reports twice a second
        IReadOnlyDictionary<string, ulong> workers = _lab.Director.Api.Get("v1/counters", ApiJson.Default.CountersView).Workers;
        WorkerView worker = Worker();
        ulong drops = worker.Drops.Values.Aggregate(0UL, (a, b) => a + b), outs = workers["forwardedPackets"] + workers["puntedPackets"] + workers["queuedPackets"];
        PortView port = _lab.Director.Api.Get("v1/ports", ApiJson.Default.IReadOnlyListPortView)[0];
        DataplaneView dataplane = _lab.Director.Api.Get("v1/status", ApiJson.Default.StatusView).Dataplane;
        Console.WriteLine($"packets: {port.Statistics["rxPackets"]} by the port, {workers["rxPackets"]} by the worker = {workers["forwardedPackets"]} forwarded + {workers["puntedPackets"]} punted + {workers["queuedPackets"]} waited + {drops} dropped ({string.Join(", ", worker.Drops.Select(d => $"{d.Key} {d.Value}"))})");
        Console.WriteLine($"flows: {workers["flowsCreated"]} created, {workers["flowsExpired"]} expired; {_newFlows + _idleFlows} were sent; mbufs {dataplane.MbufAvailable} of {dataplane.MbufCount} free");
        Require(port.Statistics["rxPackets"] == workers["rxPackets"], "the port counts other packets than the worker");
        Require(workers["rxPackets"] == outs + drops, "packets are missing in the counters");
        Require(workers["flowsCreated"] == workers["flowsExpired"], "flows are missing in the counters");
        Require(worker.AllocatedBytes == 0, $"the worker has allocated {worker.AllocatedBytes} bytes");
    }

    private void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            _faults.Add(otherwise);
        }
    }
}
