namespace Forwarder.Control;

/// <summary>Command line of forwarder-control.</summary>
public sealed record ControlOptions
{
    /// <summary>Seed of the desired state where none is stored yet.</summary>
    public string? ConfigPath { get; private init; }

    /// <summary>Folder of state.json.</summary>
    public string StateFolder { get; private init; } = "/var/lib/forwarder";

    /// <summary>Folder of region, socket, dataplane.json and dataplane.log.</summary>
    public string RunFolder { get; private init; } = "/run/forwarder";

    /// <summary>Program of the dataplane.</summary>
    public string DataplanePath { get; private init; } = Path.Combine(AppContext.BaseDirectory, "forwarder-dataplane");

    /// <summary>Whether to start the dataplane (or only attach to one that somebody else starts).</summary>
    public bool StartDataplane { get; private init; } = true;

    /// <summary>Whether to stop the dataplane when control is stopped by a signal.</summary>
    public bool StopDataplaneOnExit { get; private init; }

    /// <summary>Usage text.</summary>
    public const string Usage = """
        Usage: forwarder-control [--config FILE] [--state DIR] [--run DIR] [--dataplane FILE] [--no-dataplane] [--stop-dataplane-on-exit]
          --config FILE             desired state to begin with, where none is stored (JSON, as GET /v1/config answers)
          --state DIR               where the desired state is stored (default /var/lib/forwarder)
          --run DIR                 region, api.sock, dataplane.json, dataplane.log (default /run/forwarder)
          --dataplane FILE          the dataplane's program (default: forwarder-dataplane beside this one)
          --no-dataplane            do not start the dataplane; attach to one that runs
          --stop-dataplane-on-exit  a signal that stops control stops the dataplane, too; otherwise it goes on forwarding
        """;

    /// <summary>Reads the arguments; null and a message if they are wrong.</summary>
    public static ControlOptions? Parse(string[] arguments, out string message)
    {
        ControlOptions options = new();
        message = "";
        for (int i = 0; i < arguments.Length; i++)
        {
            string? value = i + 1 < arguments.Length ? arguments[i + 1] : null;
            bool takesValue = arguments[i] is "--config" or "--state" or "--run" or "--dataplane";
            if (takesValue && value == null)
            {
                message = $"{arguments[i]} needs a value.";
                return null;
            }

            switch (arguments[i])
            {
                case "--config": options = options with { ConfigPath = value }; break;
                case "--state": options = options with { StateFolder = value! }; break;
                case "--run": options = options with { RunFolder = value! }; break;
                case "--dataplane": options = options with { DataplanePath = value! }; break;
                case "--no-dataplane": options = options with { StartDataplane = false }; break;
                case "--stop-dataplane-on-exit": options = options with { StopDataplaneOnExit = true }; break;
                default: message = $"Unknown argument {arguments[i]}."; return null;
            }

            i += takesValue ? 1 : 0;
        }

        return options;
    }
}
