using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Forwarder.Micro;

if (args is ["sweep", .. var rest])
{
    SweepPause.Run(rest.Length == 0 ? 10_000_000 : int.Parse(rest[0], System.Globalization.CultureInfo.InvariantCulture));
    return;
}

// dotnet run -c Release --project bench/Micro -- --filter '*' ; a short job unless a job is named (--job medium).
// In process: the build of a project of its own for each benchmark would not find central package versions and artifacts.
IConfig config = args.Contains("--job")
    ? DefaultConfig.Instance
    : DefaultConfig.Instance.AddJob(Job.ShortRun.WithIterationCount(15).WithToolchain(InProcessEmitToolchain.Instance));
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args.Length == 0 ? ["--filter", "*"] : args, config);
