using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Akka.Actor;
using Akka.Event;
using Akka.Remote;
using Akka.Remote.Transport.DotNetty;
using StragglerGuard.Hosting;

namespace StragglerGuard.AkkaCluster.Settings;

/// <summary>
/// The certificate that a process shows to its peers, and the authorities that must have signed theirs. Both sides of a connection
/// show one; the side that connects also checks that it names the host that it meant to reach. Revocation lists are not consulted.
/// </summary>
internal sealed class PeerTrust
{
    /// <summary>Older ones take a certificate from the connecting side on trust (CVE-2025-61778).</summary>
    private static readonly Version s_engineMin = new(1, 5, 52);

    private readonly X509Certificate2Collection _authorities;

    private PeerTrust(X509Certificate2 certificate, X509Certificate2Collection authorities)
    {
        Certificate = certificate;
        _authorities = authorities;
    }

    /// <summary>With its private key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>What tells the engine.</summary>
    /// <param name="onRefused">Told of every peer that is refused: "certificate", and why.</param>
    public DotNettySslSetup SetupFor(Action<string, string> onRefused) => new(
        Certificate, suppressValidation: false, requireMutualAuthentication: true, validateCertificateHostname: false,
        customValidator: (certificate, _, peer, errors, log) => Accepts(certificate, peer, errors, log, onRefused));

    /// <summary>Reads the files that the options name.</summary>
    /// <param name="section">The options.</param>
    /// <param name="nowUtc">Certificates are to be valid at this time.</param>
    /// <param name="problems">Takes a sentence for everything that is wrong.</param>
    /// <returns>Null where no certificate is named, or something is wrong.</returns>
    public static PeerTrust? Read(ClusterSection section, DateTimeOffset nowUtc, List<string> problems)
    {
        (string Key, string Path)[] files =
        [
            ("cluster.certificateFile", section.CertificateFile), ("cluster.keyFile", section.KeyFile),
            ("cluster.authorityFile", section.AuthorityFile),
        ];
        if (files.All(file => file.Path.Length == 0))
        {
            return null;
        }

        int before = problems.Count;
        if (typeof(RemoteActorRefProvider).Assembly.GetName().Version is { } engine && engine < s_engineMin)
        {
            problems.Add(
                $"cluster.certificateFile: Akka.Remote {engine} doesn't check both sides of a connection; {s_engineMin} or newer does");
        }

        problems.AddRange(files.Where(file => file.Path.Length == 0)
            .Select(file => $"{file.Key}: empty; certificate, key and authority go together"));
        X509Certificate2? shown = ReadCertificate(section, problems);
        string? key = ReadKey(section, problems);
        X509Certificate2Collection? authorities = ReadAuthorities(section, problems);
        X509Certificate2? certificate = shown is null || key is null ? null : WithKey(section, shown, key, problems);
        if (shown is not null)
        {
            CheckTimes(section, shown, nowUtc, problems);
            if (Uri.CheckHostName(section.Host) != UriHostNameType.Unknown && !shown.MatchesHostname(section.Host))
            {
                problems.Add($"cluster.certificateFile: {section.CertificateFile} doesn't name {section.Host} (cluster.host), "
                    + "under which the others look for this process");
            }
        }

        // A certificate out of its time has been said already.
        if (shown is not null && authorities is not null && !IsSigned(shown, authorities, X509VerificationFlags.IgnoreNotTimeValid))
        {
            problems.Add($"cluster.certificateFile: {section.CertificateFile} is signed by nobody in {section.AuthorityFile} "
                + "(cluster.authorityFile): every other process would refuse it");
        }

        return problems.Count == before ? new PeerTrust(certificate!, authorities!) : null;
    }

    /// <summary>Whether a peer may speak with this process.</summary>
    /// <param name="certificate">The peer's.</param>
    /// <param name="peer">The address meant to be reached, or where a connection came from.</param>
    /// <param name="errors">As the platform would find them.</param>
    /// <param name="log">Takes why not.</param>
    /// <param name="onRefused">Told so.</param>
    private bool Accepts(
        X509Certificate2? certificate, string peer, SslPolicyErrors errors, ILoggingAdapter log, Action<string, string> onRefused)
    {
        // The platform's chain is none of ours: another one is built, from the authorities alone.
        string? refusal =
            certificate is null ? "it shows no certificate"
            : !IsSigned(certificate, _authorities, X509VerificationFlags.NoFlag)
                ? $"nobody who is trusted signed {certificate.Subject}, or it is out of its time"
            : errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch) && !Names(certificate, peer)
                ? $"{certificate.Subject} doesn't name it"
            : null;
        if (refusal is not null)
        {
            log.Warning("{0} is refused: {1}", peer, refusal);
            onRefused("certificate", $"{peer}: {refusal}");
        }

        return refusal is null;
    }

    private static bool Names(X509Certificate2 certificate, string peer) =>
        Address.TryParse(peer, out Address? address) && address.Host is { Length: > 0 } host
        && certificate.MatchesHostname(host.Trim('[', ']'));

    private static bool IsSigned(X509Certificate2 certificate, X509Certificate2Collection authorities, X509VerificationFlags ignored)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.VerificationFlags = ignored;
        try
        {
            return chain.Build(certificate);
        }
        finally
        {
            foreach (X509ChainElement element in chain.ChainElements)
            {
                element.Certificate.Dispose();
            }
        }
    }

    private static X509Certificate2? ReadCertificate(ClusterSection section, List<string> problems)
    {
        string path = section.CertificateFile;
        return path.Length == 0 ? null
            : Read("cluster.certificateFile", path, "certificate", problems, () => X509Certificate2.CreateFromPem(File.ReadAllText(path)));
    }

    private static X509Certificate2Collection? ReadAuthorities(ClusterSection section, List<string> problems)
    {
        string path = section.AuthorityFile;
        if (path.Length == 0)
        {
            return null;
        }

        X509Certificate2Collection? read = Read("cluster.authorityFile", path, "certificates", problems, () =>
        {
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPem(File.ReadAllText(path));
            return authorities;
        });
        if (read is { Count: 0 })
        {
            problems.Add($"cluster.authorityFile: {path} holds no PEM certificates");
            return null;
        }

        return read;
    }

    private static string? ReadKey(ClusterSection section, List<string> problems)
    {
        string path = section.KeyFile;
        return path.Length == 0 ? null : Read("cluster.keyFile", path, "key", problems, () => File.ReadAllText(path));
    }

    private static X509Certificate2? WithKey(ClusterSection section, X509Certificate2 shown, string key, List<string> problems)
    {
        try
        {
            using X509Certificate2 loose = X509Certificate2.CreateFromPem(shown.ExportCertificatePem(), key);

            // Some platforms can't show a certificate whose key was never stored with it.
            return X509CertificateLoader.LoadPkcs12(loose.Export(X509ContentType.Pkcs12), null);
        }
        catch (Exception unfit) when (unfit is CryptographicException or ArgumentException)
        {
            problems.Add($"cluster.keyFile: {section.KeyFile} holds no unencrypted PEM key of the certificate in {section.CertificateFile}");
            return null;
        }
    }

    private static void CheckTimes(ClusterSection section, X509Certificate2 shown, DateTimeOffset nowUtc, List<string> problems)
    {
        if (nowUtc > shown.NotAfter.ToUniversalTime())
        {
            problems.Add($"cluster.certificateFile: {section.CertificateFile} expired at {shown.NotAfter.ToUniversalTime():u}");
        }
        else if (nowUtc < shown.NotBefore.ToUniversalTime())
        {
            problems.Add($"cluster.certificateFile: {section.CertificateFile} is not valid before {shown.NotBefore.ToUniversalTime():u}");
        }
    }

    private static T? Read<T>(string key, string path, string what, List<string> problems, Func<T> read)
        where T : class
    {
        try
        {
            return read();
        }
        catch (Exception unreadable) when (
            unreadable is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            problems.Add($"{key}: {path} can't be read: {unreadable.Message}");
        }
        catch (CryptographicException)
        {
            problems.Add($"{key}: {path} holds no PEM {what}");
        }

        return null;
    }
}
