using System.Diagnostics;
using Forwarder.Api;
using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>Runs a program again and again, as keepalived's vrrp_script. One run at a time.</summary>
internal sealed class ProgramCheck : IDisposable
{
    private const int IntervalDefaultMs = 1_000;

    private readonly CancellationTokenSource _stop = new();
    private readonly VrrpTrackSettings _settings;
    private readonly VrrpRiseFall _state;
    private volatile Result _result;

    /// <summary>Starts the first run.</summary>
    public ProgramCheck(VrrpTrackSettings settings)
    {
        _settings = settings;
        bool isUp = settings.InitFail != true;
        _state = new VrrpRiseFall(settings.Rise ?? 1, settings.Fall ?? 1, isUp);
        _result = new Result(isUp, "no result yet");
        _ = Task.Run(() => RunAsync(_stop.Token));
    }

    /// <summary>State and how the last run ended.</summary>
    public sealed record Result(bool IsUp, string Detail);

    /// <summary>As it is now.</summary>
    public Result Now => _result;

    /// <summary>Ends it, and a program that runs.</summary>
    public void Dispose() => _stop.Cancel();

    private async Task RunAsync(CancellationToken cancellation)
    {
        int intervalMs = _settings.IntervalMs ?? IntervalDefaultMs;
        while (!cancellation.IsCancellationRequested)
        {
            long started = Stopwatch.GetTimestamp();
            ChildProgram.Outcome outcome = await ChildProgram.RunAsync(_settings.Command!, _settings.User, _settings.TimeoutMs ?? intervalMs, cancellation: cancellation);
            _state.Report(outcome.IsGood);
            _result = new Result(_state.IsUp, outcome.Detail);
            double leftMs = intervalMs - Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            await Task.Delay(TimeSpan.FromMilliseconds(Math.Max(leftMs, 0)), cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
