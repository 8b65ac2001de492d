from trading.compiled import form as form  # before any module of the core: it says where they come from
