using System.Globalization;

namespace Forwarder.Sim.Tests;

/// <summary>FORWARDER_SIM_SEED replays one seed; FORWARDER_SIM_SEEDS says how many; FORWARDER_SIM_FIRST where to begin.</summary>
internal static class SimEnvironment
{
    public const int SeedsDefault = 10_000;

    public static ulong? ReplaySeed => Read("FORWARDER_SIM_SEED");

    public static int Seeds => (int)(Read("FORWARDER_SIM_SEEDS") ?? SeedsDefault);

    public static ulong First => Read("FORWARDER_SIM_FIRST") ?? 1;

    private static ulong? Read(string name)
    {
        string? text = Environment.GetEnvironmentVariable(name);
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        return ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong value)
            ? value
            : throw new FormatException($"{name}: '{text}' is not a number; allowed: a whole number from 0");
    }
}
