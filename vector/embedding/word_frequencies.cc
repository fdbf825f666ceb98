// The table of common words. Generated, facts only: a word, and in how many texts it occurs.
// Source: counted over the 61,486 distinct English package descriptions of Debian 12 (index
// Translation-en of bookworm/main), lower-cased runs of letters and digits, words in at least 150.
#include "vector/embedding/word_frequencies.h"

namespace kyrodb::vector::embedding {
namespace {

// clang-format off
constexpr WordGroup kGroups[] = {
    {1,
     "the"},
    {2,
     "for a and"},
    {3,
     "this is to"},
    {4,
     "package of"},
    {7,
     "in it"},
    {8,
     "library with"},
    {9,
     "contains provides"},
    {10,
     "that on"},
    {11,
     "an by"},
    {12,
     "as can be or files"},
    {13,
     "from"},
    {14,
     "are use used which"},
    {15,
     "data based using"},
    {16,
     "you"},
    {17,
     "s module more support also development language"},
    {18,
     "c system interface other information applications code file"},
    {19,
     "all libraries not http api source documentation set"},
    {20,
     "python server simple like allows your programming features but such"},
    {21,
     "org see user 3 application at any one supports its version"},
    {22,
     "tools has implementation functions standard framework into tool www some format "
     "provide"},
    {23,
     "if will software programs client designed well line command only platform open uses"},
    {24,
     "program 2 time haskell access including common many easy packages text perl project "
     "engine includes web have shared gnu 1"},
    {25,
     "these fast available written needed useful various when different part object run "
     "between x network so cross high systems new level"},
    {26,
     "multiple linux modules both providing create runtime most supported them etc "
     "environment make protocol plugin without functionality over way"},
    {27,
     "output e html input configuration types bindings need control javascript build "
     "processing java via implements formats type their provided event number very utility "
     "small rust extension side full up users"},
    {28,
     "database no crate core default they collection several was than image 0 work read "
     "node class same write does each about feature through header go there management may "
     "single built utilities methods test currently"},
    {29,
     "performance memory free do possible similar headers generate objects following two t "
     "easily desktop packaged js been interfaces running specific xml function additional "
     "process service non debian r basic makes binary should images compiler large general "
     "list g architecture qt dh include compiled classes complete"},
    {30,
     "static gui install model devices cargo while compatible method help services writing "
     "parser automatically example debcargo 5 handling display those languages required "
     "just graphical dependencies portable manager main analysis out directly building"},
    {31,
     "allow components toolkit where gtk get purpose multi i parsing included own suite "
     "pure style order powerful syntax then plugins enables algorithms add windows testing "
     "creating efficient computer audio want defined either low key scripts wrapper 4 "
     "https values name"},
    {32,
     "operations flexible dependency metapackage string ruby daemon lightweight script "
     "mode graphics local developers remote works extensions profiling rich instead "
     "servers messages independent within intended hardware related base even developed "
     "kernel much variety modern given against offers real versions os"},
    {33,
     "game structure called implemented dynamic manage space reading machine generation "
     "algorithm structures installed known json window component storage handle working "
     "virtual around allowing installs integration created backend generic specification "
     "extensible message widgets end documents point compile 6 kde tests first python3 "
     "browser distributed primary unix under original top design parse value reference "
     "found advanced another state"},
    {34,
     "tree generated clients making platforms replacement content commands aims com search "
     "current complex projects 3d being find character convert able authentication "
     "examples 8 d fully editor custom directory necessary embedded adds supporting what "
     "arbitrary encoding tasks device gnome across error video native php strings oriented "
     "terminal particular net wide implementing font document size layer shell load form"},
    {35,
     "goal generator after existing check external store quality dev range mail means "
     "implementations sequence highly view computing interactive speed perform note "
     "distribution how driver options bit task internet implement regular produce calls "
     "parallel since automatic developing media itself linear models characters addition "
     "every binding"},
    {36,
     "security cli however back sets changes usage optimized log communication runs "
     "results capabilities port takes manipulation apis separate events suitable pdf "
     "operating change group elements depends dictionary sources routines github better "
     "containing o popular drop generates safe needs io per friendly disk connection "
     "streams unicode others reads table stream databases solution alternative require "
     "generating fonts easier specified machines description requests originally standards "
     "screen rendering map resource query call"},
    {37,
     "now yet please sound host lets player microsoft console modular conversion extra "
     "ability status extended processes sequences integrated extract stored ip mapping "
     "because faster doc compatibility cases fork still compression special re manipulate "
     "interpreter names handles numbers lists things parameters few creation problems "
     "filter template best before vector variables hash protocols manipulating look pages "
     "take internal tables secure comes programmers case block metadata request managing "
     "helper develop made added settings raw address resources parts x11 long once "
     "abstraction session iso editing"},
    {38,
     "stack optional domain three who sql scientific robot scalable keys good logging "
     "along random plain emacs don send gcc rfc import especially enable config monitoring "
     "inspired infrastructure apache page world path share minimal environments color "
     "checking instance url mechanism ocaml matching filesystem expressions lines done "
     "developer contain patterns configurable bus old golang featured rules games "
     "compliant accessing capable link standalone debugging 2d helps templates public "
     "digital postgresql openstack details unit power play connections cache short "
     "properties manual defines fields requires convenient connect array"},
    {39,
     "together result asynchronous less primarily instances comprehensive tcp must "
     "scripting might installation music mobile having quick git communicate expression "
     "execute traditional times higher displays ease simply start cpu export password "
     "focus directories tags keyboard creates kit word copy rather configure adding 7 "
     "official css monitor commonly pulling meta thread opengl quickly proxy normal define "
     "attributes doesn maps errors human google repository community cloud simulation "
     "binaries would update forms packet meant inside enough representation email almost "
     "loading during limited thus app processor statistics among viewer computation date"},
    {40,
     "points localization consistent arrays variable detection converts automated target "
     "next transport often functional show printing print direct were matrix blocks people "
     "live checks converting context visual cluster later graph consists contents "
     "visualization unlike 10 edit dns technology series interact filters ros little "
     "graphs encryption effort execution too words sample off filtering field additionally "
     "translation important depending keep symbols index recommended english widget "
     "networks lib gives ascii gobject already usually posix facilities logic links hosts "
     "decoding subset typically structured setting removed return installing info debug "
     "mathematical major described configured setup readable latex global according "
     "abstract grid frameworks compute streaming returns rest resolution multimedia layout "
     "clean"},
    {41,
     "robust problem lua enabled customizable libreoffice completely usb manages family "
     "backends produces mac light executable integrate correct research lot track box apps "
     "latest save queries online frontend could certain although alone compiles mouse "
     "operation front formatting associated unified japanese ways agent right pretty "
     "groups effects usr dynamically actual 64 ones experience dedicated archive buffer "
     "png n scale safely arguments retrieve plug pattern option fortran anything record "
     "intuitive actions ui big split underlying site tries match driven named storing "
     "replace modify aka further always upon introspection extensive tracking second "
     "optionally computers 11 switch records definitions auto levels determine transform "
     "ssl download release menu drawing calendar upstream trees individual"},
    {42,
     "unique stand hard sending reports theme recognition ansi addresses actually signal "
     "ssh searching postscript dict algebra whether checker appropriate wrappers "
     "validation reader remove place objective finite compressed approach transfer nodes "
     "linked technologies down alignment svg mono background utf container specify "
     "performs lisp kind account turn numerical root nice mostly avoid mysql detect schema "
     "response exchange drivers dimensional selection plus smart report policy django "
     "doing computational modes markup great partial near deal reliable select radio "
     "chinese printed mainly ipv6 extends extend tested messaging active widely though "
     "macro fixed tiny threads everything parses stable socket qml wiki least learning "
     "controls channel browsers precision enhanced converter serial optimization "
     "transitional statistical present matrices length colors representing pre middleware"},
    {43,
     "job tls third sockets manner highlighting convenience byte serialization clone "
     "caching party 32 scheme playing integer depend de cryptographic passing office "
     "element due here codes applied amount persistent pass parsers natural aimed math "
     "location derived modified 16 userspace rpc fairly combination specifications "
     "experimental idea definition whole qt5 performing modeling tag specifically compared "
     "boot accurate private compiling compilation basis therefore detailed universal post "
     "future attempts history formatted aware builds arithmetic let containers art yaml "
     "jpeg spec production extremely variant outputs geometry behavior 9 primitives plane "
     "kinds equations encoded advantage normally give ftp simplify bytes macros logs "
     "entries 100 usable requirements represent glib volume shows networking action sub "
     "expected entirely business something solver operators efficiently docs decode "
     "computations k b"},
    {44,
     "floating db styles produced markdown last terms purposes smaller panel exposes "
     "starting self otherwise home emulator bundle ghc cgi rate mp3 mechanisms except "
     "encrypted solutions hierarchical dummy contained suited sequencing quite hand "
     "getting exact empty operate missing ldap corresponding zero particularly author true "
     "sharing maximum genome transparent interaction flow buffers architectures traffic "
     "previous know health discrete differences productivity improve accessible techniques "
     "metrics distributions animation reduce encode eclipse double dna capture updates "
     "issues icons mime loop license integrates generally compare collections wayland "
     "utils reporting intermediate entire engines care card stores selected resulting man "
     "functionalities decoder book valid references paths classic ships receive improved "
     "im connected started sqlite ogg mod learn entry discovery bytecode transformation "
     "physical indexing readme v3 units spell product goals dictionaries sparse optical "
     "items csv v2 stands rewrite loaded fit"},
    {45,
     "printer verification tcl probably plotting completion close choose targets recursive "
     "rails jobs controller backup variants render ide footprint argument apply sites "
     "intel formerly assembly assemblies simplified displaying targeted simulator "
     "processors identify relational helpers enabling viewing udp mpi larger archives sent "
     "progress likely gem dbus truetype put describe combined choice central board android "
     "molecular loader ipv4 frames channels cd until notification finding descriptions "
     "comparison bar x86 sure samples position older differential verify efficiency "
     "comments bsd passwords maintain four theory property packaging latency ensure try "
     "separated repositories fits calling vectors players plasma motion looking documented "
     "displayed dictd defining datasets become zip legacy independently frame dealing "
     "compact bandwidth tex really programmer previously batch validate spatial ms left "
     "embed bridge bin managed maintained describing reverse themes recent obtain locally "
     "analyze vision translations team signature icon dom changing above xlib sort queue "
     "pipeline move exceptions bits unless surface shipped coordinates aim"},
    {46,
     "writer urls lower guide changed cannot strict integers forward contacts column wish "
     "personal goldendict freedict dump sounds sessions notifications spelling sizes plots "
     "packets optimizing headwords dpdk semantic routing profile freedesktop exports "
     "desired weight serve regression longer familiar coverage term robotics ocr managers "
     "led draw delete clusters pair irc instructions generators fly calculations behaviour "
     "wraps signatures ready offer id generalized equivalent dependent codec certificates "
     "act parameter handler flexibility else typical speech solving science recording "
     "proper matches filesystems constraints analyzer toolbox supplied responses manually "
     "international encoder crypto area updated taking serves mixed master handled "
     "executing connectivity concurrent callback apple upload retrieval products pluggable "
     "overhead midi mate facilitate exception encodings devel attribute accounts "
     "themselves saving difference behind agnostic tm searches pairs nested facility "
     "emphasis conditions simpler representations relative querying jquery hyphenation "
     "cards website rapid interacting ecma cron camera areas uniform typed sphinx "
     "semantics protein m librte coordinate builder university threaded stop step "
     "responsible patch forum distance continuous thousands signing interfacing imap "
     "foundation editors certificate whose smtp released pipe minimum mind annotations "
     "outside hashes async analyses"},
    {47,
     "stuff sophisticated perfect latin blocking trace subroutines scanning role "
     "researchers passed follow myspell h configurations advantages updating reusable "
     "modifying maintaining lookup login fcitx excellent activity 50 preprocessor ports "
     "navigation namespace ideal considered compilers vendor util tesseract symbolic "
     "signals notation fine explicit concept click writes numerous extraction exist bash "
     "sys lock lazy keeping hospital firefox complexity coding calculate token provider "
     "newer locking intelligent feel controlled cil attempt alsa vorbis methodology gzip "
     "dynamics correctly v tryton sensors publish gnuhealth girepository german "
     "availability administration performed focused exists contact authorization acronym "
     "recovery numeric grammar evolution curses aspects spaces py ins exported arm "
     "simultaneous scaling represented providers mit deprecated dates xamarin signed "
     "openssl offering javadoc gateway debugger copies taken synchronization solid layers "
     "going emulation clr alignments again accuracy 20 videos validating throughput thin "
     "sdk logger handlers cairo understand tk merge imaging firmware communications "
     "terminals stdout solve saved regex rdf possibly monitors lots knowledge kernels "
     "glyphs evaluation converted beautiful strong sometimes rule relies properly pictures "
     "physics mpeg monad miscellaneous follows exactly estimation clock body"},
    {48,
     "states statements never locations globus french european effect construction co cell "
     "symfony structural separately scan period initial width steps returned keeps ietf "
     "fill diff bugs alliance mass heavily drive concepts trusted tracing producing locale "
     "interpreted annotation analyzing syslog symbol represents puppet offline "
     "modification executed defaults astronomical towards sync straightforward section "
     "realtime mathematics inline incremental en come combines accessed warning uri tokens "
     "published profiles looks hashing executables density day cpan chain bitmap 95 "
     "processed pkg l cover systemd simplifies sections scanner relatively pseudo pc "
     "medical handy authors apt tar simplicity sense playback frequency extracting disks "
     "discover boxes beyond algebraic transformations synthesis queues pleasant pixel "
     "kerberos electronic conventions views showing ray interesting hierarchy hidden gpu "
     "ethernet commercial atomic"},
};
// clang-format on

}  // namespace

std::span<const WordGroup> CommonWords() { return kGroups; }

}  // namespace kyrodb::vector::embedding
