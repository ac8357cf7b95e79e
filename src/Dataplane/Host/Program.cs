using System.Runtime.InteropServices;
using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Dataplane;

/// <summary>forwarder-dataplane --config FILE: forwards what the region's snapshot says, until SIGTERM.</summary>
public static unsafe class Program
{
    private static bool s_stop;

    /// <summary>0 = stopped by a signal, 1 = could not start (the message is on stderr and in the region), 2 = wrong arguments.</summary>
    public static int Main(string[] arguments)
    {
        if (arguments is ["--version"])
        {
            Console.WriteLine($"forwarder-dataplane {typeof(Program).Assembly.GetName().Version?.ToString(3)}, region version {RegionHeader.CurrentVersion}");
            return 0;
        }

        if (arguments is not ["--config", string path])
        {
            Console.Error.WriteLine("Usage: forwarder-dataplane --config FILE | --version");
            return 2;
        }

        Region? region = null;
        IDisposable? held = null;
        try
        {
            DataplaneConfig config = ConfigReader.Read(path);
            region = Region.Open(config.RegionPath);
            held = RegionLock.Take(config.RegionPath);
            Begin(region);
            ConfigReader.Check(config);
            Run(config, region);
            return 0;
        }
        catch (Exception e) when (e is StartException or RegionException)
        {
            Console.Error.WriteLine($"forwarder-dataplane: {e.Message}");
            if (held != null)
            {
                TextBytes.Write(region!.Process.ErrorText, e.Message);
                Volatile.Write(ref Unsafe.As<ProcessState, uint>(ref region.Process.State), (uint)ProcessState.Failed);
            }

            return 1;
        }
        finally
        {
            held?.Dispose();
        }
    }

    private static void Begin(Region region)
    {
        ref ProcessBlock process = ref region.Process;
        region.ReleaseDeadDataplane();
        process = default;
        process.Pid = (uint)Environment.ProcessId;
        process.StartedNs = (ulong)Environment.TickCount64 * 1_000_000;
        SetState(region, ProcessState.Starting);
    }

    private static void Run(DataplaneConfig config, Region region)
    {
        if (region.Layout.WorkerCount != config.WorkerCpus.Count)
        {
            throw new StartException($"The region has {region.Layout.WorkerCount} worker block(s), the configuration {config.WorkerCpus.Count} worker(s).");
        }

        Native native = Native.Load();
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        Launcher launcher = new(native, config, region);
        launcher.Prepare();
        ref ProcessBlock process = ref region.Process;
        process.Hugepages = (uint)native.HasHugepages();
        TextBytes.Write(process.DpdkVersion, Marshal.PtrToStringUTF8((nint)native.DpdkVersion()));
        Housekeeping housekeeping = new(native, region, launcher, config);
        bool resumed = housekeeping.Resume();
        launcher.Launch();
        Console.Error.WriteLine($"forwarder-dataplane: running, pid {Environment.ProcessId}, {config.WorkerCpus.Count} worker(s), {config.Ports.Count} port(s){(resumed ? $", resumed generation {SnapshotWord.Generation(region.Header.Accepted)}" : "")}");
        housekeeping.Seal();
        SetState(region, ProcessState.Running);
        housekeeping.Run(ref s_stop);
        launcher.Stop();
        SetState(region, ProcessState.Stopped);
    }

    private static void SetState(Region region, ProcessState state) => Volatile.Write(ref Unsafe.As<ProcessState, uint>(ref region.Process.State), (uint)state);

    private static void Stop(PosixSignalContext context)
    {
        context.Cancel = true;
        Volatile.Write(ref s_stop, true);
    }
}
