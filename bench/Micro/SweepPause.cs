using System.Diagnostics;
using System.Globalization;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Micro;

/// <summary>
/// How long the sweep keeps a worker from its packets: both flow tables full of flows that expire, calls as the worker makes them, each
/// timed. Beside them a loop of the same length that only looks at the clock: what the machine itself takes away.
/// </summary>
public static unsafe class SweepPause
{
    private const double GoalUs = 50;
    private const int WarmUpCalls = 20_000, Calls = 200_000;

    /// <summary>Time between two calls of a busy worker: 16 turns of 32 packets at 100 cycles or so.</summary>
    private const double TurnsUs = 20;

    /// <summary>Measures and prints.</summary>
    public static void Run(int flows)
    {
        using EngineRig rig = new(flows);
        ContentBuilder builder = new();
        ushort port = builder.Interface(0, address: "198.18.0.99");
        builder.Service("198.18.0.1", 80, Wire.Udp, Scheduler.Maglev, Limits.MaglevTableSizeDefault, [.. Enumerable.Range(1, 16).Select(i => ((int)port, $"198.18.0.{i + 20}", 1))]);
        rig.Publish(builder.Content);
        Console.WriteLine($"{flows:N0} flows in each table, {rig.State->Flows4.BucketCount:N0} buckets; the goal is {GoalUs} us");
        foreach (uint lifeMs in (ReadOnlySpan<uint>)[uint.MaxValue, 10_000, 0])
        {
            Fill(rig.State, flows, lifeMs);
            string what = lifeMs switch { uint.MaxValue => "no flow expires", 0 => "all have expired", _ => $"all expire within {lifeMs / 1000} s" };
            (List<double> sweeps, List<double> idle) = Measure(rig.State);
            Print($"sweep, {what}", sweeps);
            Print("the clock alone", idle);
            Console.WriteLine($"{"",-34}{flows * 2L - rig.State->Flows4.Count - rig.State->Flows6.Count:N0} flows were taken out");
        }
    }

    private static (List<double> Sweeps, List<double> Idle) Measure(EngineState* state)
    {
        List<double> sweeps = new(Calls), idle = new(Calls);
        uint startMs = state->NowMs;
        long start = Environment.TickCount64;
        double typicalUs = 0;
        for (int call = 0; call < WarmUpCalls + Calls; call++)
        {
            Spin(TurnsUs);
            state->NowMs = startMs + (uint)(Environment.TickCount64 - start);
            if (!FlowSweep.IsOwed(state))
            {
                continue;
            }

            long before = Stopwatch.GetTimestamp();
            FlowSweep.Run(state);
            double us = Stopwatch.GetElapsedTime(before).TotalMicroseconds;
            typicalUs = typicalUs == 0 ? us : (typicalUs * 0.99) + (us * 0.01);
            double beside = Spin(typicalUs);
            if (call >= WarmUpCalls)
            {
                sweeps.Add(us);
                idle.Add(beside);
            }
        }

        return (sweeps, idle);
    }

    private static double Spin(double us)
    {
        long start = Stopwatch.GetTimestamp();
        double passed;
        do
        {
            passed = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }
        while (passed < us);
        return passed;
    }

    private static void Print(string what, List<double> us)
    {
        us.Sort();
        double At(double part) => us[(int)((us.Count - 1) * part)];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{what,-34}{us.Count,8:N0} calls, us: median {At(0.5):F1}, 99 % {At(0.99):F1}, 99.9 % {At(0.999):F1}, 99.99 % {At(0.9999):F1}, longest {us[^1]:F1}; above the goal: {us.Count(u => u > GoalUs)}"));
    }

    private static void Fill(EngineState* state, int flows, uint lifeMs)
    {
        Random random = new(1);
        for (uint flow = 0; flow < flows; flow++)
        {
            uint life = lifeMs switch { uint.MaxValue => FlowTimeouts.MaxMs, 0 => 0, _ => (uint)random.Next((int)lifeMs) + EngineState.DeadlineGrainMs };
            ulong fresh = FlowValue.Pack(1, 1, FlowState.Udp, (state->NowMs + life) & ~(EngineState.DeadlineGrainMs - 1));
            ulong key = FlowTable4.Key(flow, (ushort)(flow * 7), 1);
            uint hash = FlowTable4.Hash(0x1234_5678, key);
            ulong* value = state->Flows4.Find(hash, key);
            value = value != null ? value : state->Flows4.Insert(hash, key, state->NowMs, out _);
            if (value != null)
            {
                *value = fresh;
            }

            FlowTable6.Entry* entry = state->Flows6.Find(hash, flow, flow, key & 0xFFFF_FFFF_0000_0000);
            entry = entry != null ? entry : state->Flows6.Insert(hash, flow, flow, key & 0xFFFF_FFFF_0000_0000, state->NowMs, out _);
            if (entry != null)
            {
                entry->Value = fresh;
            }
        }

        state->SweepMs = state->NowMs;
    }
}
