namespace Forwarder.Control.Tests;

/// <summary>A program that stands for the dataplane: it ends at once if its configuration has a word in it, else it stays and forwards nothing.</summary>
public static class FakeDataplane
{
    /// <summary>What it says when it ends.</summary>
    public const string Complaint = "ports[0].device: there is no such device";

    /// <summary>Writes the program; its path.</summary>
    public static string Write(string folder, string word)
    {
        string path = Path.Combine(folder, "forwarder-dataplane");
        File.WriteAllText(path, $"#!/bin/sh\nif grep -q {word} \"$2\"; then echo '{Complaint}'; exit 1; fi\nexec sleep 60\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        return path;
    }
}
