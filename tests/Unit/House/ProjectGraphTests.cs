using System.Xml.Linq;

namespace Forwarder.Unit.Tests.House;

/// <summary>Who may refer to whom: control and dataplane meet only in the bytes of Forwarder.Abi.</summary>
public sealed class ProjectGraphTests
{
    private static readonly string s_root = FindRoot();

    [Theory]
    [InlineData("src/Dataplane/Abi/Forwarder.Abi.csproj", "")]
    [InlineData("src/Dataplane/Engine/Forwarder.Engine.csproj", "Forwarder.Abi")]
    [InlineData("src/Dataplane/Host/Forwarder.Dataplane.csproj", "Forwarder.Abi Forwarder.Engine")]
    [InlineData("src/Control/Api/Forwarder.Api.csproj", "")]
    [InlineData("src/Control/Vrrp/Forwarder.Vrrp.csproj", "")]
    [InlineData("src/Control/Host/Forwarder.Control.csproj", "Forwarder.Abi Forwarder.Api Forwarder.Vrrp")]
    [InlineData("src/Control/Cli/Forwarder.Cli.csproj", "Forwarder.Api")]
    public void AProjectRefersOnlyToWhatItMay(string project, string allowed)
    {
        string[] referred = [.. XDocument.Load(Path.Combine(s_root, project)).Descendants("ProjectReference")
            .Select(r => Path.GetFileNameWithoutExtension(((string?)r.Attribute("Include") ?? "").Replace('\\', '/')))];
        Assert.Empty(referred.Except(allowed.Split(' ')));
    }

    [Fact]
    public void UnsafeCodeStaysInTheDataplane()
    {
        string[] projects = [.. Directory.EnumerateFiles(Path.Combine(s_root, "src"), "*.csproj", SearchOption.AllDirectories)
            .Where(p => XDocument.Load(p).Descendants("AllowUnsafeBlocks").Any(e => (string)e == "true"))
            .Select(p => Path.GetFileNameWithoutExtension(p)).Order(StringComparer.Ordinal)];
        Assert.Equal(["Forwarder.Abi", "Forwarder.Dataplane", "Forwarder.Engine"], projects);
    }

    /// <summary>The engine has no clock, no thread, no native call: those are the host's.</summary>
    [Fact]
    public void TheEngineIsPure()
    {
        string[] forbidden = ["DateTime.", "Stopwatch", "Environment.Tick", "Thread.", "Task.", "DllImport", "LibraryImport", "lock (", "Console."];
        foreach (string file in Directory.EnumerateFiles(Path.Combine(s_root, "src/Dataplane/Engine"), "*.cs", SearchOption.AllDirectories).Where(f => !f.Contains("/obj/", StringComparison.Ordinal)))
        {
            string text = File.ReadAllText(file);
            Assert.All(forbidden, word => Assert.False(text.Contains(word, StringComparison.Ordinal), $"{file} uses {word}"));
        }
    }

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder != null && !File.Exists(Path.Combine(folder.FullName, "Forwarder.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("Forwarder.sln not found above the tests.");
    }
}
